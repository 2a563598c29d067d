import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { type EventStore, StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import {
  createMcpSessions,
  type McpMiddleware,
  type McpOptions,
  type McpSessions,
  protectMcp,
} from 'countersign/resource/mcp'
import express from 'express'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { holdClock } from '../../../../../test/hold-clock.js'
import {
  formOrCall,
  type McpAgent,
  type McpStage,
  message,
  notPlainJson,
  openMcpStage,
  openPort,
  parseCallbackResponse,
  post,
} from './mcp-stage.js'

const table = { tools: { read_note: 'notes.read', write_note: 'notes.write', ask: 'notes.read', announce: '' } }

type Answering = (
  incoming: Parameters<McpMiddleware>[0],
  outgoing: Parameters<StreamableHTTPServerTransport['handleRequest']>[1],
) => Promise<void>

interface Served extends McpStage {
  ran: string[]
}

/** Stores what was sent, in order, so that a stream can be resumed. */
function newEventStore(): EventStore {
  const events: { id: string; stream: string; message: Parameters<EventStore['storeEvent']>[1] }[] = []
  return {
    async storeEvent(stream, message) {
      const id = String(events.length + 1)
      events.push({ id, stream, message })
      return id
    },
    async replayEventsAfter(last, { send }) {
      const from = events[Number(last) - 1]
      for (const { id, stream, message } of events.slice(Number(last)))
        if (stream === from?.stream) await send(id, message)
      return from?.stream ?? ''
    },
  }
}

/** The server of many SDK 1 examples: a transport per session, which reads the request itself. */
function sessionServer(ran: string[], shared?: EventStore): Answering {
  const transports = new Map<string, StreamableHTTPServerTransport>()
  function newServer(): McpServer {
    const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { logging: {} } })
    const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })
    for (const name of ['read_note', 'write_note', 'not_listed'])
      server.registerTool(name, { inputSchema: { id: z.string().optional() } }, async (_given, { authInfo }) => {
        const { clientId = '', scopes = [], extra = {} } = authInfo ?? {}
        ran.push(`${name} ${clientId} ${String(extra.sub)} ${scopes.join('+')}`)
        return text(`${name} done`)
      })
    server.registerTool('ask', {}, async () => {
      const { action } = await server.server.elicitInput({
        message: 'Sure?',
        requestedSchema: { type: 'object', properties: {} },
      })
      return text(action)
    })
    server.registerTool('announce', {}, async () => {
      server.sendToolListChanged()
      return text('announced')
    })
    return server
  }
  return async (incoming, outgoing) => {
    const id = incoming.headers['mcp-session-id']
    const known = typeof id === 'string' ? transports.get(id) : undefined
    if (known) return known.handleRequest(incoming as never, outgoing)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void transports.set(session, transport),
      eventStore: shared ?? newEventStore(),
    })
    await newServer().connect(transport as never)
    await transport.handleRequest(incoming as never, outgoing)
  }
}

const platforms: Record<
  string,
  (middleware: McpMiddleware, answer: Answering) => Parameters<Awaited<ReturnType<typeof openPort>>['serve']>[0]
> = {
  express(middleware, answer) {
    const app = express()
    app.use('/mcp', middleware as never)
    app.all('/mcp', (incoming, outgoing) => void answer(incoming as never, outgoing))
    return app
  },
  'express with a later parser'(middleware, answer) {
    const app = express()
    app.all(
      '/mcp',
      middleware as never,
      express.json(),
      (incoming, outgoing) => void answer(incoming as never, outgoing),
    )
    return app
  },
  'node:http'(middleware, answer) {
    return (incoming, outgoing) => middleware(incoming, outgoing, () => void answer(incoming, outgoing))
  },
  fastify(middleware, answer) {
    let listener: Parameters<typeof createServer>[1]
    const app = fastify({
      serverFactory: (handle) => {
        listener = handle
        return createServer(handle)
      },
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    app.all('/mcp', (request, reply) => {
      reply.hijack()
      middleware(request.raw, reply.raw, () => void answer(request.raw, reply.raw))
    })
    void app.ready()
    return (incoming, outgoing) => listener?.(incoming, outgoing)
  },
}

async function openServer(
  platform = 'express',
  options: Partial<McpOptions> = {},
  answering?: Answering,
): Promise<Served> {
  const port = await openPort()
  const stage = openMcpStage(port.origin)
  const ran: string[] = []
  const { middleware } = protectMcp(stage.resource, { ...table, ...options })
  const make = platforms[platform]
  if (!make) throw new TypeError(platform)
  const listener = make(middleware, answering ?? sessionServer(ran))
  const documents = stage.resource.publishedPaths
  port.serve((incoming, outgoing) => {
    if (!documents.has(incoming.url ?? '')) listener(incoming, outgoing)
    else
      void stage.resource.handler(new Request(`${port.origin}${incoming.url}`)).then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
      })
  })
  return { ...stage, ran }
}

async function connect({ url }: McpStage, agent: McpAgent, elicits = false): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities: elicits ? { elicitation: {} } : {} })
  const transport = new StreamableHTTPClientTransport(url, { fetch: agent.fetch })
  await client.connect(transport as never)
  onTestFinished(() => client.close())
  return client
}

/** Reads a stream that stays open until it matches, and cancels it. */
async function readUntil(stream: Response, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (pattern.test(text)) return text
  }
  throw new Error(`the stream ended before ${String(pattern)}: ${text}`)
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

describe.each(Object.keys(platforms))('an SDK 1 server in %s', (platform) => {
  it('works with its own client: consent, step-up, and filtered lists', async () => {
    const stage = await openServer(platform)
    const agent = await stage.newAgent('planner')
    const client = await connect(stage, agent)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['read_note', 'write_note', 'ask', 'announce'])
    expect(agent.person.asked).toEqual([])
    expect(textOf(await client.callTool({ name: 'read_note', arguments: { id: '1' } }))).toBe('read_note done')
    expect(textOf(await client.callTool({ name: 'write_note' }))).toBe('write_note done')
    expect(textOf(await client.callTool({ name: 'read_note' }))).toBe('read_note done')
    expect(agent.person.asked).toEqual(['notes.read', 'notes.read notes.write'])
    expect(stage.ran[0]).toBe('read_note https://planner.example planner notes.read')
    await expect(client.callTool({ name: 'not_listed' })).rejects.toThrow(/There is no tool not_listed on this server/)
    expect(stage.ran).toHaveLength(3)
  })
})

// M20
it.each(Object.keys(platforms))(
  'in %s, no body gets through that is not JSON, or that may also be something else',
  async (name) => {
    const got: unknown[] = []
    const stage = await openServer(name, {}, async (incoming, outgoing) => {
      got.push(incoming.body, (incoming as { rawBody?: unknown }).rawBody)
      outgoing.end('{}')
    })
    const agent = await stage.newAgent('planner')
    for (const type of notPlainJson)
      expect((await post(agent, stage.url, formOrCall('write_note'), { 'content-type': type })).status, type).toBe(415)
    const closing = { method: 'DELETE', body: '{}', headers: { 'content-type': 'application/json' } }
    expect((await agent.fetch(stage.url, closing)).status).toBe(400)
    expect((await post(agent, stage.url, `\ufeff${JSON.stringify(message('ping'))}`)).status).toBe(400)
    expect(got).toEqual([])
    expect((await post(agent, stage.url, message('ping'))).status).toBe(200)
    expect(got).toEqual([message('ping'), Buffer.from(JSON.stringify(message('ping')))])
  },
)

it('an SDK 2 client is served as well', async () => {
  const stage = await openServer()
  const agent = await stage.newAgent('planner')
  const client = new ModernClient({ name: 'test', version: '2' })
  await client.connect(new ModernTransport(stage.url, { fetch: agent.fetch }))
  onTestFinished(() => client.close())
  expect((await client.listTools()).tools).toHaveLength(4)
  expect(textOf(await client.callTool({ name: 'read_note', arguments: {} }))).toBe('read_note done')
})

// M21
it('a client continues its session after its user’s token expired, and receives pushed messages', async () => {
  const clock = holdClock()
  const stage = await openServer()
  const checks = vi.spyOn(stage.resource, 'isStillAuthorized')
  const agent = await stage.newAgent('planner', { life: 40 })
  const client = await connect(stage, agent)
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve())
  })
  await client.callTool({ name: 'read_note' })
  const { sessionId } = client.transport as StreamableHTTPClientTransport
  // From then on its stream depends on the first token.
  await expect.poll(() => checks.mock.calls.length).toBeGreaterThan(0)
  clock.pass(36)
  agent.person.life = 600
  await client.ping()
  expect((await client.listTools()).tools).toHaveLength(4)
  clock.pass(5)
  const before = checks.mock.calls.length
  await expect.poll(() => checks.mock.calls.length).toBeGreaterThan(before + 1)
  await client.callTool({ name: 'announce' })
  await changed
  expect((client.transport as StreamableHTTPClientTransport).sessionId).toBe(sessionId)
  expect(agent.person.asked).toEqual(['notes.read', 'notes.read'])
})

it('the server pushes to the client and sends it requests, as sessions allow', async () => {
  const stage = await openServer()
  const agent = await stage.newAgent('planner')
  const client = await connect(stage, agent, true)
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: {} }))
  expect(textOf(await client.callTool({ name: 'ask' }))).toBe('accept')
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve())
  })
  await client.callTool({ name: 'announce' })
  await changed
})

describe('a session', () => {
  async function openSession(stage: Served, agent: McpAgent): Promise<string> {
    const started = await post(
      agent,
      stage.url,
      message('initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'test', version: '1' },
      }),
    )
    await started.text()
    return started.headers.get('mcp-session-id') ?? ''
  }
  const call = message('tools/call', { name: 'read_note', arguments: {} })

  it('belongs to the agent and user that opened it, for every method', async () => {
    const stage = await openServer()
    const agent = await stage.newAgent('planner')
    const session = { 'mcp-session-id': await openSession(stage, agent) }
    await parseCallbackResponse(await post(agent, stage.url, call, session))
    for (const other of [await stage.newAgent('other'), await stage.newAgent('planner', { sub: 'bob' })]) {
      const answered = await post(other, stage.url, call, session)
      expect(answered.status).toBe(404)
      expect(await answered.json()).toMatchObject({ error: { code: -32001 } })
      for (const method of ['GET', 'DELETE']) {
        const headers = { ...session, accept: 'text/event-stream' }
        expect((await other.fetch(stage.url, { method, headers })).status, method).toBe(404)
      }
    }
    expect(stage.ran).toHaveLength(1)
  })

  // G38
  it.each(['express', 'node:http'])(
    'is stored where all instances see it, before its response is sent: %s',
    async (platform) => {
      const kept = createMcpSessions()
      let opened = 0
      const sessions: McpSessions = {
        async open(id, caller) {
          await new Promise((resolve) => setTimeout(resolve, 100))
          opened++
          return kept.open(id, caller)
        },
        use: async (id, caller) => kept.use(id, caller),
        close: async (id) => kept.close(id),
      }
      const stage = await openServer(platform, { sessions })
      const agent = await stage.newAgent('planner')
      const session = { 'mcp-session-id': await openSession(stage, agent) }
      expect(opened).toBe(1)
      await parseCallbackResponse(await post(agent, stage.url, call, session))
      expect((await post(await stage.newAgent('other'), stage.url, call, session)).status).toBe(404)
      expect(stage.ran).toHaveLength(1)
      const lost = { ...sessions, open: async () => Promise.reject(new Error('lost')) }
      const without = await openServer(platform, { sessions: lost })
      const other = await without.newAgent('planner')
      const unknown = { 'mcp-session-id': await openSession(without, other) }
      expect((await post(other, without.url, call, unknown)).status).toBe(404)
    },
  )

  it('that was never opened does not exist; a closed one is gone', async () => {
    const stage = await openServer()
    const agent = await stage.newAgent('planner')
    expect((await post(agent, stage.url, call, { 'mcp-session-id': randomUUID() })).status).toBe(404)
    const session = { 'mcp-session-id': await openSession(stage, agent) }
    expect((await agent.fetch(stage.url, { method: 'DELETE', headers: session })).status).toBe(200)
    expect((await post(agent, stage.url, call, session)).status).toBe(404)
    expect(stage.ran).toEqual([])
  })
})

it('a resumed stream shows no more of a list than the list itself', async () => {
  const stage = await openServer()
  const agent = await stage.newAgent('planner')
  const clientInfo = { name: 'test', version: '1' }
  const start = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  const started = await post(agent, stage.url, start)
  const session = {
    'mcp-session-id': started.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  }
  await started.text()
  const list = await (await post(agent, stage.url, message('tools/list'), session)).text()
  expect(list).not.toContain('not_listed')
  const id = /^id: (.*)$/m.exec(list)?.[1] ?? ''
  const headers = { ...session, accept: 'text/event-stream', 'last-event-id': id }
  const text = await readUntil(await agent.fetch(stage.url, { headers }), /read_note.*\n\n/)
  expect(text).not.toContain('not_listed')
})

// M23
it.each(['express', 'node:http'])(
  'an event belongs to its session, even if a server keeps all events in one store: %s',
  async (name) => {
    const ran: string[] = []
    const stage = await openServer(name, {}, sessionServer(ran, newEventStore()))
    const clientInfo = { name: 'test', version: '1' }
    const start = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    const open = async (agent: McpAgent) => {
      const started = await post(agent, stage.url, start)
      const id = started.headers.get('mcp-session-id') ?? ''
      expect(await started.text(), 'bound from the start').toMatch(/^id: \d+\.[\w-]{43}$/m)
      return { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
    }
    const [alice, evil] = [await stage.newAgent('planner'), await stage.newAgent('other')]
    const [hers, other] = [await open(alice), await open(evil)]
    const called = await (await post(alice, stage.url, message('tools/call', { name: 'read_note' }), hers)).text()
    const [first = ''] = [...called.matchAll(/^id: (.*)$/gm)].map((found) => found[1] ?? '')
    const takeUp = (agent: McpAgent, headers: Record<string, string>) =>
      agent.fetch(stage.url, { headers: { accept: 'text/event-stream', ...headers } })
    await readUntil(await takeUp(alice, { ...hers, 'last-event-id': first }), /read_note done/)
    for (const id of [first, first.split('.')[0] ?? '', `${first}x`, '1', ''])
      expect((await takeUp(evil, { ...other, 'last-event-id': id })).status, id).toBe(400)
    expect((await takeUp(evil, { 'last-event-id': first })).status).toBe(400)
    expect(ran).toHaveLength(1)
  },
)

// M22
it('a compressed list is not shown, and no compression is requested', async () => {
  const asked: unknown[] = []
  const stage = await openServer('node:http', {}, async ({ headers, rawHeaders }, outgoing) => {
    asked.push(headers['accept-encoding'], /gzip/.test(rawHeaders.join()))
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    outgoing.end(gzipSync('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"not_listed"}]}}'))
  })
  const agent = await stage.newAgent('planner')
  const response = await post(agent, stage.url, message('tools/list'), { 'accept-encoding': 'gzip' })
  expect(await parseCallbackResponse(response)).toMatchObject({ id: 1, error: { code: -32603 } })
  expect(asked).toEqual([undefined, false])
})

it('data that a server writes after the permission expired is discarded without harm', async () => {
  const failures: unknown[] = []
  const note = (error: unknown) => void failures.push(error)
  process.on('uncaughtException', note)
  onTestFinished(() => void process.off('uncaughtException', note))
  let closed = false
  let written = 0
  const clock = holdClock()
  const stage = await openServer('node:http', { connect: 'mcp.use' }, async (_incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => {
      outgoing.write(`data: ${'x'.repeat(1_000_000)}\n\n`)
      written++
    }, 100)
    onTestFinished(() => clearInterval(timer))
    outgoing.once('close', () => {
      clearInterval(timer)
      closed = true
    })
  })
  const checks = vi.spyOn(stage.resource, 'isStillAuthorized')
  const agent = await stage.newAgent('planner', { life: 40 })
  const stream = await agent.fetch(stage.url, { headers: { accept: 'text/event-stream' } })
  // The client reads nothing.
  await expect.poll(() => written).toBeGreaterThan(5)
  clock.pass(41)
  await expect.poll(() => checks.mock.settledResults.at(-1)?.value).toBe(false)
  const before = written
  await expect.poll(() => closed || written > before + 5).toBe(true)
  await stream.body?.cancel()
  await expect.poll(() => closed).toBe(true)
  expect(failures).toEqual([])
})

it('the callback of a write is called, even if the response was rewritten', async () => {
  const called: string[] = []
  const stage = await openServer('node:http', {}, async (_incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/json' })
    outgoing.write('{"jsonrpc":"2.0","id":1,', () => void called.push('write'))
    outgoing.end('"result":{"tools":[{"name":"read_note"},{"name":"x"}]}}', () => void called.push('end'))
  })
  const agent = await stage.newAgent('planner')
  const answer = await parseCallbackResponse(await post(agent, stage.url, message('tools/list')))
  expect(answer).toEqual({ jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'read_note' }] } })
  await expect.poll(() => called).toEqual(['write', 'end'])
})

it('a client that does not read slows the server down, even if responses are rewritten', async () => {
  let produced = 0
  const stage = await openServer('node:http', {}, async (_incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    const event = Buffer.from(`data: "${'x'.repeat(100_000)}"\n\n`)
    const source = new Readable({
      read() {
        produced += event.length
        this.push(event)
      },
    })
    source.pipe(outgoing)
    outgoing.once('close', () => void source.destroy())
  })
  const agent = await stage.newAgent('planner')
  const stream = await agent.fetch(stage.url, { headers: { accept: 'text/event-stream' } })
  const reader = stream.body?.getReader()
  await reader?.read()
  await new Promise((soon) => setTimeout(soon, 1500))
  const held = produced
  expect(held).toBeLessThan(60_000_000)
  for (let read = 0; read < held + 1_000_000; ) read += (await reader?.read())?.value?.length ?? held
  expect(produced, 'continues when the client reads').toBeGreaterThan(held)
  await reader?.cancel()
})

it('one agent’s sessions evict only its own', async () => {
  const stage = await openServer()
  const [victim, other] = [await stage.newAgent('planner'), await stage.newAgent('other')]
  const clientInfo = { name: 'test', version: '1' }
  const start = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  const open = async (agent: McpAgent) => {
    const started = await post(agent, stage.url, start)
    await started.text()
    return { 'mcp-session-id': started.headers.get('mcp-session-id') ?? '' }
  }
  const kept = await open(victim)
  const first = await open(other)
  for (let count = 0; count < 100; count++) await open(other)
  expect((await post(victim, stage.url, message('ping'), kept)).status).toBe(200)
  expect((await post(other, stage.url, message('ping'), first)).status).toBe(404)
})

it('a stream closes when the token that opened it expires', async () => {
  const clock = holdClock()
  const stage = await openServer('express', { connect: 'mcp.use' })
  const checks = vi.spyOn(stage.resource, 'isStillAuthorized')
  const agent = await stage.newAgent('planner', { life: 40 })
  const started = await post(
    agent,
    stage.url,
    message('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    }),
  )
  await started.text()
  const headers = { 'mcp-session-id': started.headers.get('mcp-session-id') ?? '', accept: 'text/event-stream' }
  const stream = await agent.fetch(stage.url, { headers })
  expect(stream.headers.get('content-type')).toContain('text/event-stream')
  await expect.poll(() => checks.mock.settledResults.at(-1)?.value).toBe(true)
  clock.pass(41)
  await stream.text()
  expect(checks.mock.settledResults.at(-1)?.value).toBe(false)
})
