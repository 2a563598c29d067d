import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createSigner } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'
import { z } from 'zod'

const {
  ID = 'https://notes.example', // the URL of this server
  AUTH_SERVER = 'https://auth.example', // where users decide
  PORT = '8080', // behind your TLS proxy
} = process.env

const resource = createResource({
  id: ID,
  signer: await createSigner(JSON.parse(readFileSync('resource-key.json', 'utf8'))),
  authServer: AUTH_SERVER,
  scopes: { 'notes.read': 'See your notes' }, // shown on the consent page
  allowInsecureLoopback: ID.startsWith('http:'), // plain http, to try it on this machine
})

function newServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_note', { inputSchema: z.object({ id: z.string() }) }, async ({ id }, { http }) => {
    const { sub } = http?.authInfo?.extra ?? {} // whose note: iss and sub together identify a user
    return { content: [{ type: 'text', text: `Note ${id} of ${String(sub)}.` }] }
  })
  return server
}

const mcp = protectMcp(resource, { tools: { read_note: 'notes.read' } })
const server = mcp.around(createMcpHandler(newServer).fetch)

const handler: Parameters<typeof createNodeListener>[0] = (request, received) =>
  new URL(request.url).pathname === '/mcp' ? server(request, received) : resource.handler(request, received)
createServer(createNodeListener(handler, { origin: ID })).listen(Number(PORT), '127.0.0.1')
