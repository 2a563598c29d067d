import { expect, onTestFinished } from 'vitest'

/** The function that creates the bridge under test. */
interface Options {
  url: string
  fetch: typeof globalThis.fetch
  clientReads: () => Promise<void>
  consent: { ask: () => Promise<never>; declined: () => void }
  tell: (message: object) => void
  describe: (error: unknown) => string
  onProblem: (text: string) => void
}

interface Bridge {
  receive(message: never): void
  close(): Promise<void>
}

export type NextStepContext = {
  id?: unknown
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: unknown
}

export type Asked = { id?: number | string; method: string; params?: Record<string, unknown> }

export const json = (id: unknown, result: object) => Response.json({ jsonrpc: '2.0', id, result })

/** The parameters that make a request self-contained. */
export const complete = (clientCapabilities: object = {}, version = '2026-07-28') => ({
  _meta: {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': clientCapabilities,
  },
})

/** A response as an event stream, whose last event is the response itself. */
export function events(...messages: object[]): Response {
  const text = messages.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
  return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } })
}

/** How a server of each era opens a connection, and its responses to other requests. */
export const opening = {
  sessions: ({ id, method }: Asked) =>
    method === 'initialize'
      ? json(id, {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 's', version: '1' },
        })
      : undefined,
  stateless: ({ id, method }: Asked) =>
    method === 'server/discover'
      ? json(id, { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } })
      : undefined,
} as const

export interface BridgeAtHand {
  bridge: Bridge
  /** The messages that the client received, in order. */
  told: NextStepContext[]
  problems: string[]
  /** Sends a request as the client, and waits for the response. */
  ask: (method: string, params?: Record<string, unknown>) => Promise<NextStepContext>
  say: (message: object) => void
  /** Opens the connection of a client with a handshake. */
  begin: (capabilities?: object) => Promise<NextStepContext>
}

/** A bridge without processes, to a server whose responses the test defines. */
export function openBridge(
  create: (options: Options) => Bridge,
  answer: (asked: Asked) => Response | undefined | Promise<Response | undefined>,
  options: Partial<Options> = {},
): BridgeAtHand {
  const told: NextStepContext[] = []
  const problems: string[] = []
  const bridge = create({
    url: 'https://api.example/mcp',
    fetch: async (_url, init) => {
      const asked = typeof init?.body === 'string' ? (JSON.parse(init.body) as Asked) : { method: 'stream' }
      return (await answer(asked)) ?? new Response(null, { status: asked.id === undefined ? 202 : 404 })
    },
    clientReads: async () => undefined,
    consent: { ask: () => Promise.reject(new Error('nobody is asked')), declined: () => undefined },
    tell: (message) => void told.push(message as NextStepContext),
    describe: String,
    onProblem: (text) => void problems.push(text),
    ...options,
  })
  onTestFinished(() => bridge.close())
  let asked = 0
  const say = (message: object) => bridge.receive({ jsonrpc: '2.0', ...message } as never)
  const ask: BridgeAtHand['ask'] = async (method, params) => {
    const id = ++asked
    say({ id, method, ...(params ? { params } : {}) })
    const found = () => told.find((one) => one.id === id && one.method === undefined)
    await expect.poll(found, { interval: 5 }).toBeDefined()
    return found() as NextStepContext
  }
  return {
    bridge,
    told,
    problems,
    ask,
    say,
    begin: async (capabilities = {}) => {
      const clientInfo = { name: 'c', version: '1' }
      const opened = await ask('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo })
      say({ method: 'notifications/initialized' })
      return opened
    },
  }
}
