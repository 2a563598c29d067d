import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'

const { MCP_SERVER = 'http://127.0.0.1:8080/mcp', CLIENT_ID = 'https://client.example/oauth/client.json' } = process.env

// Users return here. Any port works, because the client's document lists http://127.0.0.1/callback.
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`

const state = randomUUID()
const kept = new Map() // a real client keeps this in a file, so that users sign in only once
const authProvider = {
  redirectUrl,
  clientMetadata: { redirect_uris: [redirectUrl] },
  clientMetadataUrl: CLIENT_ID, // identifies this client: the URL of its document
  state: () => state,
  clientInformation: () => kept.get('client'),
  saveClientInformation: (client) => kept.set('client', client),
  discoveryState: () => kept.get('discovery'),
  saveDiscoveryState: (discovery) => kept.set('discovery', discovery),
  codeVerifier: () => kept.get('verifier'),
  saveCodeVerifier: (verifier) => kept.set('verifier', verifier),
  tokens: () => kept.get('tokens'),
  saveTokens: (tokens) => kept.set('tokens', tokens),
  redirectToAuthorization: (url) => console.log(`Please decide here: ${url}`),
}

async function returnOfUser() {
  const [request, response] = await once(server, 'request')
  response.end('You can close this page.')
  const { searchParams } = new URL(request.url, redirectUrl)
  if (searchParams.get('state') !== state) throw new Error('The response belongs to another request.')
  return searchParams
}

const client = new Client({ name: 'my-client', version: '1.0.0' })
const newTransport = () => new StreamableHTTPClientTransport(new URL(MCP_SERVER), { authProvider })
try {
  const transport = newTransport()
  await client.connect(transport).catch(async (error) => {
    if (!(error instanceof UnauthorizedError)) throw error
    await transport.finishAuth(await returnOfUser())
    await client.connect(newTransport())
  })
  const { tools } = await client.listTools()
  console.log(`Tools: ${tools.map(({ name }) => name).join(', ')}`)
  const { content } = await client.callTool({ name: 'read_note' })
  console.log(content[0].text)
} catch (error) {
  console.error(error.cause?.message ?? error.message)
  process.exitCode = 1
} finally {
  await client.close()
  server.closeAllConnections()
  server.close()
}
