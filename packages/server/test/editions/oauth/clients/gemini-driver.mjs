import { pathToFileURL } from 'node:url'

/**
 * The MCP client of the Gemini CLI without its terminal: signs in as `/mcp auth` does, and calls tools. Prints what the CLI shows. Started
 * with its main file, the URL of the MCP server, and the client id in the settings.
 */
const [, , main, url, clientId] = process.argv
const { connectToMcpServer, coreEvents, MCPOAuthProvider, MCPOAuthTokenStorage } = await import(
  pathToFileURL(main).href
)
coreEvents.on('user-feedback', ({ message }) => process.stdout.write(`${message}\n`))

const oauth = { enabled: true, clientId }
const workspace = { getDirectories: () => [], onDirectoriesChanged: () => () => undefined }
const context = {
  sanitizationConfig: {},
  isTrustedFolder: () => true,
  emitMcpDiagnostic: (_severity, message) => process.stdout.write(`${message}\n`),
}
const realNow = Date.now
let connected

const connect = () => connectToMcpServer('1.0.0', 'notes', { httpUrl: url, oauth }, false, workspace, context)

async function client() {
  connected ??= connect()
  try {
    return await connected
  } catch (error) {
    connected = undefined
    throw error
  }
}

const requests = {
  listTools: async () => (await client()).listTools(),
  callTool: async (name) => (await client()).callTool({ name }),
  async signIn(scopes) {
    await new MCPOAuthProvider(new MCPOAuthTokenStorage()).authenticate('notes', { ...oauth, scopes }, url)
    await (await connected)?.close()
    connected = undefined
  },
  pass(seconds) {
    const offset = Date.now() - realNow() + seconds * 1000
    Date.now = () => realNow() + offset
  },
}

process.on('message', ({ id, method, params }) => {
  Promise.resolve(requests[method](params)).then(
    (result) => process.send({ id, result }),
    (error) => process.send({ id, error: error.message }),
  )
})
process.send({ id: 0 })
