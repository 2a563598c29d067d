import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { createNodeListener, fileStore, loopbackConsent } from 'countersign/node'
import { readEvents } from './read-events.js'

const {
  AGENT_ID = 'http://127.0.0.1:8004', // the agent's identifier: in production, your https URL
  AUTH_SERVER = 'http://127.0.0.1:8003', // the only server where you would enter your password
  API = 'http://127.0.0.1:8002/data-auth',
} = process.env
const isLocal = AGENT_ID.startsWith('http:') // plain http, for development on this machine

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  about: { name: 'My agent' }, // shown on the consent page
  consent: loopbackConsent(), // prompts you in the terminal, and opens your browser
  store: fileStore('./state'), // tokens survive a restart
  allowInsecureLoopback: isLocal,
})

// The agent's document and keys. In production, they are two files on any web host: see README.md.
const documents = createServer(createNodeListener(agent.handler, { origin: agent.id }))
if (isLocal) documents.listen(Number(new URL(agent.id).port), '127.0.0.1')

try {
  console.log(JSON.stringify(await readEvents(agent.fetch, API), null, 2))
} catch (error) {
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${API} is not responding: ${error.cause.message}`)
  else if (error instanceof AgentError && error.code === 'consent_required')
    console.error('Run this in a terminal to give your consent.')
  else console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  documents.close()
}
