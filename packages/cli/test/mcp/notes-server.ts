import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { McpServer as SessionServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import type { ServerEra } from './protected-server.js'

export interface NotesServer {
  url: string
  /** The number of open sessions. */
  sessions: () => number
  /** Notifies every session and stream that the tools have changed. */
  toolsChanged: () => void
  /** The last session that a request named. */
  lastSession: () => string | undefined
}

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })

const usual = { hello: '', count: '', read: 'notes.read', write: 'notes.read notes.write' }

/** A server of one SDK generation behind `protectMcp`, which counts per session, or globally without sessions. */
export async function openNotes(
  era: ServerEra,
  authServer: string,
  tools: Readonly<Record<string, string>> = usual,
): Promise<NotesServer> {
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  const resource = createResource({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-1' })),
    authServer,
    scopes: Object.fromEntries(
      Object.values(tools).flatMap((scopes) => scopes.split(' ').map((scope) => [scope || 'hello', `Use ${scope}`])),
    ),
    discovery: { renewalInterval: 1, failureAge: 0 },
    allowInsecureLoopback: true,
  })
  const mcp = protectMcp(resource, { tools })
  const opened: SessionServer[] = []
  const transports = new Map<string, StreamableHTTPServerTransport>()
  let lastSession: string | undefined
  let tellStreams: () => void = () => undefined
  const answer = era === 'sessions' ? withSessions() : withoutSessions()

  function withoutSessions() {
    let count = 0
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: 'notes', version: '2' })
      for (const name of Object.keys(tools))
        server.registerTool(name, {}, async () => said(name === 'count' ? `count ${++count}` : name))
      return server
    })
    tellStreams = () => handler.notify.toolsChanged()
    return createNodeListener(mcp.around(handler.fetch), { origin: id })
  }

  function withSessions() {
    return (request: IncomingMessage & { body?: unknown }, response: ServerResponse) =>
      mcp.middleware(request, response, async () => {
        lastSession = request.headers['mcp-session-id']?.toString() ?? lastSession
        const known = transports.get(request.headers['mcp-session-id']?.toString() ?? '')
        if (known) return known.handleRequest(request, response, request.body)
        const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          onsessioninitialized: (session) => void transports.set(session, transport),
          onsessionclosed: (session) => void transports.delete(session),
        })
        await openSession().connect(transport as never)
        return transport.handleRequest(request, response, request.body)
      })
  }

  function openSession(): SessionServer {
    let count = 0
    const server = new SessionServer({ name: 'notes', version: '1' })
    for (const name of Object.keys(tools))
      server.registerTool(name, {}, async () => said(name === 'count' ? `count ${++count}` : name))
    opened.push(server)
    return server
  }

  const documents = createNodeListener((request) => resource.handler(request), { origin: id })
  const server = createServer((request, response) => {
    const isMcp = request.url === '/mcp'
    if (isMcp) answer(request, response)
    else documents(request, response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `${id}/mcp`,
    sessions: () => transports.size,
    toolsChanged() {
      for (const each of opened) each.sendToolListChanged()
      tellStreams()
    },
    lastSession: () => lastSession,
  }
}
