import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'https://api.example/events',
} = process.env

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My scripts' }, // shown on the page after your decision
  consent: loopbackConsent(), // prompts only in a terminal, so never at night
  store: fileStore('./state'),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

try {
  const response = await agent.fetch(API, { signal: AbortSignal.timeout(600_000) })
  console.log(response.status, await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.exitCode = 75 // EX_TEMPFAIL: "try again later"
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${API} is not responding: ${error.cause.message}`)
  else if (!(error instanceof AgentError)) throw error
  else if (error.code !== 'consent_required') console.error(error.message)
  else if (error.reason === 'refused') console.error('Access was denied.')
  else console.error('Consent is missing or has expired. Run the same command in a terminal once.')
}
