import { readFileSync } from 'node:fs'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createSigner } from 'countersign'
import { createResource } from 'countersign/resource'
import { aauthDocuments } from 'countersign/resource/express'
import { protectMcp } from 'countersign/resource/mcp'
import express from 'express'
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
  server.registerTool('read_note', { inputSchema: { id: z.string() } }, async ({ id }, { authInfo }) => {
    const { sub } = authInfo?.extra ?? {} // whose note: iss and sub together identify a user
    return { content: [{ type: 'text', text: `Note ${id} of ${String(sub)}.` }] }
  })
  return server
}

const app = express()
app.use(aauthDocuments(resource))
app.use('/mcp', protectMcp(resource, { tools: { read_note: 'notes.read' } }).middleware)
app.post('/mcp', async (request, response) => {
  const transport = new StreamableHTTPServerTransport() // stateless: one server for each message
  await newServer().connect(transport as never)
  await transport.handleRequest(request, response, request.body)
})
app.listen(Number(PORT), '127.0.0.1')
