import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { createNodeListener, fileStore } from 'countersign/node'

const {
  AGENT_ID = 'https://agent.example', // the URL of this program, which serves the agent's documents itself
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'https://api.example/events',
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const agent = createAgent({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  authServers: [AUTH_SERVER],
  onePerson: true, // only you use it: another user who followed the link would give you their data
  about: { name: 'My scripts' }, // shown on the consent page
  onConsent: ({ url, code }) => console.log(`Please decide here (the page shows ${code}): ${url}`),
  store: fileStore('./state'),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

// On Bun, Deno and Workers: export default { fetch: agent.handler }
const server = createServer(createNodeListener(agent.handler, { origin: agent.id })).listen(Number(PORT), '127.0.0.1')

try {
  const response = await agent.fetch(API)
  console.log(response.status, await response.text())
} catch (error) {
  if (error instanceof TypeError && error.cause instanceof Error)
    console.error(`${API} is not responding: ${error.cause.message}`)
  else if (error instanceof AgentError) console.error(error.message)
  else throw error
  process.exitCode = 1
} finally {
  server.close() // lets the program exit
}
