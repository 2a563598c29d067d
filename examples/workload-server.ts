import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createAgentServer, memoryDelegates } from 'countersign/agent-server'
import { createNodeListener } from 'countersign/node'

const {
  AGENT_ID = 'https://jobs.example', // the URL of this program
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

const agentServer = createAgentServer({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  workloads: JSON.parse(readFileSync('workloads.json', 'utf8')),
  about: { name: 'Nightly jobs' },
  redirectUris: [`${AGENT_ID}/callback`], // no browser ever returns there, because no user is asked
  enroll: () => undefined, // there are no other installations
  delegates: memoryDelegates(),
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})
createServer(createNodeListener(agentServer.handler, { origin: agentServer.id })).listen(Number(PORT), '127.0.0.1')
