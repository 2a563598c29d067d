import { createServer } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { scopes as toolScopes } from './offered.js'
import { sessionEra } from './session-era.js'
import { statelessEra } from './stateless-era.js'

/** An MCP server of one era. */
export interface McpServerAtHand {
  answer: (request: Request) => Promise<Response>
  /** Makes it send a notification that its tools changed. */
  toolsChanged: () => void
  resourceChanged: () => void
  /** What happened to cancelled calls. */
  givenUp: string[]
  close: () => Promise<void>
}

export interface ProtectedServer extends Omit<McpServerAtHand, 'answer' | 'close'> {
  url: string
  /** The accepted requests: methods, and names of tools. */
  asked: string[]
  /** Discards all sessions, as a restart does. */
  restart: () => void
}

export type ServerEra = 'sessions' | 'stateless'

export interface ProtectionOptions {
  authServer: string
  /** @default January 2026 */
  edition?: ResourceOptions['edition']
  /** Even its lists need a user's consent. */
  everything?: boolean
  legacy?: 'stateless'
  /** The scope that each method needs, in addition to those of tools. */
  scopes?: Readonly<Record<string, string>> | undefined
}

/** A protected MCP server on this machine. */
export async function protectServer(
  era: ServerEra,
  { authServer, edition, everything = false, legacy, scopes = {} }: ProtectionOptions,
): Promise<ProtectedServer> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const resource = createResource({
    edition,
    id: origin,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer,
    scopes: { 'data.read': 'See your data', 'data.write': 'Change your data' },
    discovery: { renewalInterval: 1, failureAge: 0 },
    allowInsecureLoopback: true,
  })
  const begin = era === 'sessions' ? sessionEra : () => statelessEra(legacy)
  let inner = begin()
  const asked: string[] = []
  const listener = createNodeListener(
    async (request, received) => {
      if (new URL(request.url).pathname !== '/mcp') return resource.handler(request)
      try {
        const message = received ?? request
        const body = request.method === 'POST' ? await request.clone().text() : ''
        const { method = request.method, params } = JSON.parse(body || '{}') as Asked
        const scope =
          (method === 'tools/call' ? toolScopes[params?.name ?? ''] : scopes[method]) ??
          (everything ? 'data.read' : undefined)
        await (scope === undefined
          ? resource.verify(message, { require: 'identity' })
          : resource.verify(message, { require: 'authorization', scope }))
        asked.push(method === 'tools/call' ? `${method} ${params?.name}` : method)
      } catch (error) {
        return resource.toResponse(error)
      }
      return inner.answer(request)
    },
    { origin },
  )
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await inner.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `${origin}/mcp`,
    asked,
    toolsChanged: () => inner.toolsChanged(),
    resourceChanged: () => inner.resourceChanged(),
    get givenUp() {
      return inner.givenUp
    },
    restart() {
      inner = begin()
    },
  }
}

interface Asked {
  method?: string
  params?: { name?: string }
}
