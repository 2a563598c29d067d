import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createSigner } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'

const {
  ID = 'http://127.0.0.1:8080', // the URL of this server; later https, behind your TLS proxy
  AUTH_SERVER = 'http://127.0.0.1:8008', // where users decide
} = process.env

const resource = createResource({
  id: ID,
  signer: await createSigner(JSON.parse(readFileSync('resource-key.json', 'utf8'))),
  authServer: AUTH_SERVER,
  scopes: {
    'notes.read': 'See your notes',
    'notes.write': 'Change your notes',
    'notes.delete': 'Delete your notes', // deletes, so OAuth clients can't get it
  },
  allowInsecureLoopback: ID.startsWith('http:'), // plain http, to try it on this machine
})

const mcp = protectMcp(resource, {
  accept: ['aauth', 'oauth'],
  path: '/mcp',
  name: 'Notes', // shown on the consent page
  tools: { read_note: 'notes.read', write_note: 'notes.write', delete_note: 'notes.delete' },
})

const reply = (text) => ({ content: [{ type: 'text', text }] })

function newServer() {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_note', {}, async ({ http }) => reply(`The note of ${String(http.authInfo.extra.sub)}.`))
  server.registerTool('write_note', {}, async () => reply('Written.'))
  server.registerTool('delete_note', {}, async () => reply('Deleted.'))
  return server
}

const notes = mcp.around(createMcpHandler(newServer).fetch)
const listener = createNodeListener(
  (request, received) =>
    new URL(request.url).pathname === '/mcp' ? notes(request, received) : resource.handler(request, received),
  { origin: ID },
)
createServer(listener).listen(new URL(ID).port, '127.0.0.1')
