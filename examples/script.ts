import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // a URL of yours, where the agent's two documents are
  AUTH_SERVER = 'https://auth.example', // the only one that you would type a password at
  API = 'https://api.example/events',
} = process.env

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My scripts' }, // the page after a consent shows it
  consent: loopbackConsent(), // asks in the terminal, and opens your browser
  store: fileStore('./state'), // and never asks twice
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

try {
  const response = await agent.fetch(API)
  console.log(response.status, await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  if (!(error instanceof AgentError)) throw error
  console.error(error.code === 'consent_required' ? 'You must decide first: run this in a terminal.' : error.message)
  process.exitCode = 1
}
