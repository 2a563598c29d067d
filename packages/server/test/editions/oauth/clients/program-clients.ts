import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { ClientStage } from './client-stage.js'
import type { TestedClient } from './client-steps.js'
import { openCodex } from './codex-client.js'
import { openGemini } from './gemini-client.js'
import { installedFile, openHome, runToEnd, visitPrinted } from './run-program.js'

/** A client that is a program. */
interface ProgramClient {
  /** How the operator of the auth server registers it. */
  documents: readonly object[]
  open: (stage: ClientStage) => TestedClient
}

const documentOf = (client_id: string, redirectUri: string) => ({
  client_id,
  client_name: 'Tested client',
  redirect_uris: [redirectUri],
  token_endpoint_auth_method: 'none',
})

const clientUrl = 'https://client.example/oauth/client.json'

/** The programs, by their id in the table of clients. */
export const programs: Readonly<Record<string, ProgramClient>> = {
  'mcp-remote': { documents: [documentOf(clientUrl, 'http://localhost/oauth/callback')], open: openMcpRemote },
  inspector: { documents: [documentOf(clientUrl, 'http://127.0.0.1/oauth/callback')], open: openInspector },
  codex: {
    documents: [documentOf('https://chatgpt.com/oauth/codex/client.json', 'http://127.0.0.1/callback')],
    open: openCodex,
  },
  gemini: {
    documents: [documentOf('gemini-cli', 'http://localhost/oauth/callback')],
    open: (stage) => openGemini(stage, 'gemini-cli'),
  },
}

/** mcp-remote, which runs as a server of a desktop app. */
function openMcpRemote(stage: ClientStage): TestedClient {
  const script = installedFile('mcp-remote', 'mcp-remote/dist/proxy.js')
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [script, stage.url, '--client-metadata-url', clientUrl],
    env: { PATH: process.env.PATH ?? '', MCP_REMOTE_CONFIG_DIR: openHome() },
    stderr: 'pipe',
  })
  transport.stderr?.on('data', visitPrinted(stage))
  const client = new Client({ name: 'tested', version: '1.0.0' })
  const connected = client.connect(transport)
  return {
    async listTools() {
      await connected
      return (await client.listTools()).tools.map(({ name }) => name)
    },
    async call(tool) {
      await connected
      const { content } = await client.callTool({ name: tool })
      return textOf(content as Content)
    },
    close: () => client.close(),
  }
}

type Content = { text: string }[]

const textOf = (content: Content) => content.map(({ text }) => text).join()

/** The Inspector's command line: each request is a process. */
function openInspector(stage: ClientStage): TestedClient {
  const home = openHome()
  const node = installedFile('inspector', `node-${process.platform}-${process.arch}/bin/node`)
  const script = installedFile('inspector', '@modelcontextprotocol/inspector/clients/launcher/build/index.js')
  const options = ['--client-metadata-url', clientUrl, '--format', 'json']
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    MCP_STORAGE_DIR: home,
    MCP_INSPECTOR_SECRET_STORE: 'file',
    MCP_AUTO_OPEN_ENABLED: 'true',
  }

  async function request(...method: string[]): Promise<InspectorResult> {
    const printed = await runToEnd(stage, node, [script, '--cli', stage.url, ...options, '--method', ...method], env)
    return (JSON.parse(printed) as { result: InspectorResult }).result
  }

  return {
    listTools: async () => (await request('tools/list')).tools.map(({ name }) => name),
    call: async (tool) => textOf((await request('tools/call', '--tool-name', tool)).content),
    close: async () => undefined,
  }
}

interface InspectorResult {
  tools: { name: string }[]
  content: Content
}
