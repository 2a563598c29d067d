import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createAgentServer } from 'countersign/agent-server'
import { createNodeListener, fileDelegates } from 'countersign/node'

const {
  AGENT_ID = 'https://agent.example', // the URL of this program
  PORT = new URL(AGENT_ID).port || '8080', // behind your TLS proxy
} = process.env

/** Who may enroll: in your product, a table that is filled when a signed-in customer adds a device. */
const invitations = new Map(Object.entries(JSON.parse(readFileSync('invitations.json', 'utf8'))))

const agentServer = createAgentServer({
  id: AGENT_ID,
  signer: await createSigner(JSON.parse(readFileSync('agent-key.json', 'utf8'))),
  redirectUris: ['http://127.0.0.1/callback'], // installations listen on any port
  about: { name: 'Planner' }, // shown on the consent page
  delegates: fileDelegates('./delegates'),
  enroll({ credential = '' }) {
    const name = invitations.get(credential)
    invitations.delete(credential) // each works once
    return typeof name === 'string' ? { name } : undefined
  },
  allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
})

const [command, name = ''] = process.argv.slice(2)
if (command === 'list') {
  for (const delegate of await agentServer.list())
    console.log(delegate.name, delegate.revokedAt === undefined ? 'active' : 'revoked')
} else if (command === 'revoke') {
  console.log((await agentServer.revoke(name)) ? `${name} is revoked.` : `There is no ${name}.`)
} else {
  createServer(createNodeListener(agentServer.handler, { origin: agentServer.id })).listen(Number(PORT), '127.0.0.1')
}
