import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { type McpMiddleware, type McpOptions, protectMcp } from 'countersign/resource/mcp'
import express from 'express'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { answerOf, type McpAgent, type McpStage, message, openMcpStage, openPort, post } from './mcp-stage.js'

const table = { tools: { read_note: 'notes.read', write_note: 'notes.write', ask: 'notes.read', announce: '' } }

type Answering = (
  incoming: Parameters<McpMiddleware>[0],
  outgoing: Parameters<StreamableHTTPServerTransport['handleRequest']>[1],
) => Promise<void>

interface Served extends McpStage {
  ran: string[]
}

/** The server of many examples of the SDK 1: a transport for each session, which reads the request itself. */
function sessionServer(ran: string[]): Answering {
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
  'express with a parser behind it'(middleware, answer) {
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

async function openServer(platform = 'express', options: Partial<McpOptions> = {}): Promise<Served> {
  const port = await openPort()
  const stage = openMcpStage(port.origin)
  const ran: string[] = []
  const { middleware } = protectMcp(stage.resource, { ...table, ...options })
  const make = platforms[platform]
  if (!make) throw new TypeError(platform)
  const listener = make(middleware, sessionServer(ran))
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

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text

describe.each(Object.keys(platforms))('a server of the SDK 1 in %s', (platform) => {
  it('is asked by its own SDK: consent, step-up, and lists of what is there', async () => {
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
    await expect(client.callTool({ name: 'not_listed' })).rejects.toThrow(/There is no such thing here/)
    expect(stage.ran).toHaveLength(3)
  })
})

it('a client of the SDK 2 is served as well', async () => {
  const stage = await openServer()
  const agent = await stage.newAgent('planner')
  const client = new ModernClient({ name: 'test', version: '2' })
  await client.connect(new ModernTransport(stage.url, { fetch: agent.fetch }))
  onTestFinished(() => client.close())
  expect((await client.listTools()).tools).toHaveLength(4)
  expect(textOf(await client.callTool({ name: 'read_note', arguments: {} }))).toBe('read_note done')
})

it('the server pushes to the client and asks it, as sessions do', async () => {
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

  it('is of the agent and the person that opened it, for every method', async () => {
    const stage = await openServer()
    const agent = await stage.newAgent('planner')
    const session = { 'mcp-session-id': await openSession(stage, agent) }
    await answerOf(await post(agent, stage.url, call, session))
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

  it('that nobody opened is none; one that was closed is over', async () => {
    const stage = await openServer()
    const agent = await stage.newAgent('planner')
    expect((await post(agent, stage.url, call, { 'mcp-session-id': randomUUID() })).status).toBe(404)
    const session = { 'mcp-session-id': await openSession(stage, agent) }
    expect((await agent.fetch(stage.url, { method: 'DELETE', headers: session })).status).toBe(200)
    expect((await post(agent, stage.url, call, session)).status).toBe(404)
    expect(stage.ran).toEqual([])
  })
})

it('a stream ends with the token that it was opened with', async () => {
  const stage = await openServer('express', { connect: 'mcp.use' })
  const agent = await stage.newAgent('planner', { life: 8 })
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
  const began = performance.now()
  await stream.text()
  const seconds = (performance.now() - began) / 1000
  expect(seconds).toBeGreaterThan(1)
  expect(seconds).toBeLessThan(14)
}, 25_000)
