import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSigner } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createHandler } from './server.js'

const {
  ID = 'http://127.0.0.1:8080', // the URL of the server: in production, an https URL
  AUTH_SERVER = 'http://127.0.0.1:8003', // signs users in and asks for their consent
  PORT = new URL(ID).port || '8080', // behind your TLS proxy
} = process.env

const handler = createHandler({
  id: ID,
  signer: await createSigner(JSON.parse(readFileSync('api-key.json', 'utf8'))),
  authServer: AUTH_SERVER,
  allowInsecureLoopback: ID.startsWith('http:'), // plain http, for development on this machine
})

const listener = createNodeListener(handler, { origin: ID })
createServer(listener).listen(Number(PORT), '127.0.0.1', () => console.log(`The MCP server is at ${ID}/mcp`))
