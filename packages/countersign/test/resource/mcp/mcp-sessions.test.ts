import { createNodeListener } from 'countersign/node'
import type { ResourceOptions } from 'countersign/resource'
import { createMcpSessions, type McpOptions, protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { holdClock } from '../../../../../test/hold-clock.js'
import { type McpAgent, type McpStage, message, openMcpStage, openPort, post } from './mcp-stage.js'

const table = { tools: { read_note: 'notes.read', hello: '' } }
const call = message('tools/call', { name: 'read_note', arguments: {} })

/** A server with sessions, whose streams close once no client reads them. */
async function answer(request: Request): Promise<Response> {
  if (request.method === 'GET')
    return new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(': \n\n')) }), {
      headers: { 'content-type': 'text/event-stream' },
    })
  const isStart = (await request.text()).includes('"initialize"')
  const headers: Record<string, string> = isStart ? { 'mcp-session-id': crypto.randomUUID() } : {}
  return Response.json({ jsonrpc: '2.0', id: 1, result: { content: [] } }, { headers })
}

interface Served extends McpStage {
  open: (agent: McpAgent) => Promise<Record<string, string>>
}

type Platform = 'around' | 'middleware'

async function openServer(
  platform: Platform = 'around',
  options: McpOptions = {},
  ofResource: Partial<ResourceOptions> = {},
): Promise<Served> {
  const port = platform === 'middleware' ? await openPort() : undefined
  const stage = openMcpStage(port?.origin, ofResource)
  const mcp = protectMcp(stage.resource, { ...table, ...options })
  if (port) {
    const listener = createNodeListener((request) => answer(request), { origin: port.origin })
    const documents = createNodeListener((request) => stage.resource.handler(request), { origin: port.origin })
    port.serve((incoming, outgoing) => {
      if (stage.resource.publishedPaths.has(incoming.url ?? '')) documents(incoming, outgoing)
      else mcp.middleware(incoming, outgoing, () => listener(incoming, outgoing))
    })
  } else stage.serve(mcp.around(answer))
  return {
    ...stage,
    async open(agent) {
      const clientInfo = { name: 'test', version: '1' }
      const start = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
      const started = await post(agent, stage.url, start)
      return { 'mcp-session-id': started.headers.get('mcp-session-id') ?? '' }
    },
  }
}

describe('M21: a session of a user', () => {
  it('continues after the token expired: a new one is requested, and nothing is lost', async () => {
    const clock = holdClock()
    const { newAgent, url, open } = await openServer()
    const agent = await newAgent('planner', { life: 40 })
    const session = await open(agent)
    expect((await post(agent, url, message('ping'), session)).status, 'belongs to no user yet').toBe(200)
    expect((await post(agent, url, call, session)).status).toBe(200)
    clock.pass(41)
    expect((await post(agent, url, message('ping'), session)).status).toBe(200)
    const headers = { ...session, accept: 'text/event-stream' }
    const stream = await agent.fetch(url, { headers })
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
    expect(agent.person.asked, 'for the scopes allowed earlier').toEqual(['notes.read', 'notes.read'])
  })

  it('returns 404 to another user or agent, as an unknown session does, and prompts no other agent’s user', async () => {
    const { newAgent, url, open } = await openServer()
    const agent = await newAgent('planner')
    const session = await open(agent)
    await post(agent, url, call, session)
    const other = await newAgent('other')
    for (const named of [session, { 'mcp-session-id': crypto.randomUUID() }]) {
      for (const method of ['GET', 'DELETE'])
        expect((await other.fetch(url, { method, headers: named })).status, method).toBe(404)
      expect((await post(other, url, message('ping'), named)).status).toBe(404)
    }
    expect(other.person.asked).toEqual([])
    const bob = await newAgent('planner', { sub: 'bob' })
    expect((await post(bob, url, message('ping'), session)).status).toBe(404)
    expect(bob.person.asked, 'its owner cannot be known before').toEqual(['notes.read'])
    expect((await post(agent, url, message('ping'), session)).status).toBe(200)
  })

  it.each<Platform>(['around', 'middleware'])(
    'has no stream that outlives the permission, even one opened earlier: %s',
    async (platform) => {
      const clock = holdClock()
      const { newAgent, url, open, resource } = await openServer(platform)
      const checks = vi.spyOn(resource, 'isStillAuthorized')
      const agent = await newAgent('planner', { life: 40 })
      const session = await open(agent)
      const stream = await agent.fetch(url, { headers: { ...session, accept: 'text/event-stream' } })
      expect(stream.status).toBe(200)
      await post(agent, url, call, session)
      await expect.poll(() => checks.mock.calls.length).toBeGreaterThan(1)
      clock.pass(41)
      const before = checks.mock.calls.length
      await stream.text()
      expect(await Promise.all(checks.mock.results.map(({ value }) => value as Promise<boolean>))).toEqual([
        ...Array.from({ length: before }, () => true),
        false,
      ])
    },
  )

  it.each<[Platform, 'before' | 'after']>([
    ['around', 'before'],
    ['middleware', 'before'],
    ['middleware', 'after'],
  ])('has its streams closed by a revocation: %s, opened %s the consent', async (platform, when) => {
    const clock = holdClock()
    const { newAgent, url, open, remove, resource } = await openServer(platform, {}, { denyList: {} })
    const agent = await newAgent('planner')
    const session = await open(agent)
    if (when === 'after') await post(agent, url, call, session)
    const stream = await agent.fetch(url, { headers: { ...session, accept: 'text/event-stream' } })
    let isOpen = true
    const ended = stream.text().then(() => {
      isOpen = false
    })
    if (when === 'before') await post(agent, url, call, session)
    const checks = vi.spyOn(resource, 'isStillAuthorized')
    await expect.poll(() => checks.mock.calls.length).toBeGreaterThan(1)
    expect(isOpen).toBe(true)
    await remove(agent.person)
    clock.pass(4)
    await ended
  })

  it('has a stream opened before the first token continue with a newer token', async () => {
    const clock = holdClock()
    const { newAgent, url, open, resource } = await openServer()
    const checks = vi.spyOn(resource, 'isStillAuthorized')
    const agent = await newAgent('planner', { life: 40 })
    const session = await open(agent)
    const stream = await agent.fetch(url, { headers: { ...session, accept: 'text/event-stream' } })
    const reader = stream.body?.getReader()
    await reader?.read()
    const end = reader?.read()
    let isOpen = true
    void end?.then(() => {
      isOpen = false
    })
    await post(agent, url, call, session)
    // From then on the stream depends on the first token.
    await expect.poll(() => checks.mock.calls.length).toBeGreaterThan(0)
    clock.pass(36)
    agent.person.life = 600
    await post(agent, url, message('ping'), session)
    clock.pass(5)
    const before = checks.mock.calls.length
    await expect.poll(() => !isOpen || checks.mock.calls.length > before + 1).toBe(true)
    expect(isOpen).toBe(true)
    await reader?.cancel()
  })

  it('closes streams that others opened before a user consented at another instance', async () => {
    const sessions = createMcpSessions()
    const { newAgent, url, open } = await openServer('around', { sessions })
    const agent = await newAgent('planner')
    const session = await open(agent)
    const stream = await agent.fetch(url, { headers: { ...session, accept: 'text/event-stream' } })
    await sessions.use(session['mcp-session-id'] ?? '', { agent: agent.id, person: 'somebody', scope: 'notes.read' })
    await stream.text()
  })
})

describe('a session id that the server repeats (B20)', () => {
  const start = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} })
  const answerWithSameId = () =>
    Response.json({ jsonrpc: '2.0', id: 1, result: {} }, { headers: { 'mcp-session-id': 'session-1' } })

  it('still belongs to the first caller; the second one gets 502', async () => {
    const warnings: string[] = []
    const onWarning = (warning: Error) => void warnings.push(warning.message)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const stage = openMcpStage('https://repeating.example')
    stage.serve(protectMcp(stage.resource, table).around(answerWithSameId))
    const [first, second] = [await stage.newAgent('first'), await stage.newAgent('second')]
    expect((await post(first, stage.url, start)).status).toBe(200)
    const refused = await post(second, stage.url, start)
    expect([refused.status, refused.headers.get('mcp-session-id')]).toEqual([502, null])
    const session = { 'mcp-session-id': 'session-1' }
    expect((await post(second, stage.url, message('ping'), session)).status).toBe(404)
    expect((await post(first, stage.url, message('ping'), session)).status).toBe(200)
    expect((await post(first, stage.url, start)).status, 'its own').toBe(200)
    await expect.poll(() => warnings).toContainEqual(expect.stringContaining('the same session id'))
  })

  it.each([false, true])('still belongs to the first caller behind the middleware, shared: %s', async (isShared) => {
    const own = createMcpSessions()
    const shared = {
      open: async (...given: Parameters<typeof own.open>) => own.open(...given),
      use: async (...given: Parameters<typeof own.use>) => own.use(...given),
      close: async (id: string) => own.close(id),
    }
    const port = await openPort()
    const stage = openMcpStage(port.origin)
    const { middleware } = protectMcp(stage.resource, { ...table, sessions: isShared ? shared : own })
    const listener = createNodeListener(async () => answerWithSameId(), { origin: port.origin })
    port.serve((incoming, outgoing) => middleware(incoming, outgoing, () => listener(incoming, outgoing)))
    const [first, second] = [await stage.newAgent('first'), await stage.newAgent('second')]
    expect((await post(first, stage.url, start)).status).toBe(200)
    await expect(post(second, stage.url, start).then((response) => response.text())).rejects.toThrow(
      /terminated|fetch failed/,
    )
    const session = { 'mcp-session-id': 'session-1' }
    expect((await post(second, stage.url, message('ping'), session)).status).toBe(404)
    expect((await post(first, stage.url, message('ping'), session)).status).toBe(200)
  })
})

describe('stored sessions', () => {
  it('are not taken over by another caller', async () => {
    const sessions = createMcpSessions()
    const agent = 'https://agent.example'
    expect(await sessions.open('1', { agent, person: 'alice' })).toBe(true)
    const recorded = await sessions.use('1', { agent, person: 'alice' })
    for (const other of [{ agent }, { agent, person: 'bob' }, { agent: 'https://other.example', person: 'alice' }])
      expect(await sessions.open('1', other)).toBe(false)
    expect(await sessions.open('1', { agent, person: 'alice' })).toBe(true)
    expect(await sessions.use('1', { agent, person: 'alice' })).toEqual(recorded)
    const client = (id: string) => ({ agent: `oauth https://api.example/mcp ${id}`, person: 'alice' })
    expect(await sessions.open('2', client('https://one.example/client.json'))).toBe(true)
    expect(await sessions.open('2', client('https://two.example/client.json'))).toBe(false)
  })

  it('are evicted by last use', async () => {
    const sessions = createMcpSessions()
    const agent = 'https://agent.example'
    for (let id = 0; id < 100; id++) await sessions.open(String(id), { agent })
    expect(await sessions.use('0', { agent })).toBeDefined()
    await sessions.open('100', { agent })
    expect(await sessions.use('0', { agent })).toBeDefined()
    expect(await sessions.use('1', { agent })).toBeUndefined()
  })

  it('count toward the user they became bound to', async () => {
    const sessions = createMcpSessions()
    const agent = 'https://agent.example'
    for (let id = 0; id < 100; id++) {
      await sessions.open(String(id), { agent })
      await sessions.use(String(id), { agent, person: 'alice', scope: 'notes.read' })
    }
    for (let id = 100; id < 200; id++) await sessions.open(String(id), { agent })
    const caller = { agent, person: 'alice', scope: 'notes.read notes.write' }
    expect(await sessions.use('0', caller)).toMatchObject(caller)
    expect(await sessions.use('0', { agent })).toMatchObject(caller)
    expect(await sessions.use('0', { agent, person: 'bob' })).toBeUndefined()
  })

  it('belong to the delegate that opened them, until a user consents', async () => {
    const sessions = createMcpSessions()
    const agent = 'https://agent.example'
    await sessions.open('1', { agent, delegate: 'one' })
    expect(await sessions.use('1', { agent, delegate: 'other', person: 'bob' })).toBeUndefined()
    expect(await sessions.use('1', { agent, delegate: 'one', person: 'alice' })).toMatchObject({ person: 'alice' })
    expect(await sessions.use('1', { agent, delegate: 'other', person: 'alice' })).toMatchObject({ person: 'alice' })
    await sessions.close('1')
    expect(await sessions.use('1', { agent, delegate: 'one', person: 'alice' })).toBeUndefined()
  })
})
