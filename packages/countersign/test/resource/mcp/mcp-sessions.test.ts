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
    const scope = 'notes.list notes.read'
    const { newAgent, url, open } = await openServer('around', { tools: { read_note: scope } })
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
    expect(agent.person.asked, 'for the scopes allowed earlier').toEqual([scope, scope])
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
    await sessions.use(`${url.href} ${session['mcp-session-id']}`, {
      agent: agent.id,
      person: 'person-2',
      scope: 'notes.read',
    })
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

describe('two servers that share a store and a key', () => {
  const initialize = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} })

  /** Both give their sessions the same id, and have a tool that returns a state. */
  async function openTwo() {
    const stage = openMcpStage()
    const received: unknown[] = []
    const shared = { sessions: createMcpSessions(), sealState: { key: new Uint8Array(32).fill(7) } }
    const mcp = protectMcp(stage.resource, { tools: { confirm: '' }, ...shared })
    stage.serve(
      mcp.around((_request, { parsedBody }) => {
        const { method, params } = (parsedBody ?? {}) as { method?: string; params?: { requestState?: string } }
        if (method === 'tools/call') received.push(params?.requestState)
        const result = { resultType: 'input_required', requestState: 'state' }
        const headers: Record<string, string> = method === 'initialize' ? { 'mcp-session-id': 'session-1' } : {}
        return Response.json({ jsonrpc: '2.0', id: 1, result }, { headers })
      }),
    )
    return { received, agent: await stage.newAgent('planner'), one: stage.url, other: new URL(`${stage.url.href}2`) }
  }

  it('have separate sessions, even with the same id', async () => {
    const { agent, one, other } = await openTwo()
    const session = { 'mcp-session-id': 'session-1' }
    expect((await post(agent, one, initialize)).status).toBe(200)
    expect((await post(agent, one, message('ping'), session)).status).toBe(200)
    expect((await post(agent, other, message('ping'), session)).status).toBe(404)
    expect((await post(agent, other, initialize)).status).toBe(200)
    expect((await agent.fetch(other, { method: 'DELETE', headers: session })).status).toBe(200)
    expect((await post(agent, one, message('ping'), session)).status).toBe(200)
  })

  it('do not accept each other’s states', async () => {
    const { agent, one, other, received } = await openTwo()
    const confirm = (params: object) => message('tools/call', { name: 'confirm', ...params })
    const issued = (await (await post(agent, one, confirm({}))).json()) as { result: { requestState: string } }
    const { requestState } = issued.result
    expect(await (await post(agent, other, confirm({ requestState }))).text()).toContain('was not issued')
    expect((await post(agent, one, confirm({ requestState }))).status).toBe(200)
    expect(received).toEqual([undefined, 'state'])
  })
})

it('nothing of a request but its authorization is kept for its session', async () => {
  const own = createMcpSessions()
  const stored: unknown[] = []
  const sessions = {
    ...own,
    async use(id: string, caller: Parameters<typeof own.use>[1]) {
      const session = await own.use(id, caller)
      stored.push(session)
      return session
    },
  }
  const { newAgent, url, open } = await openServer('around', { sessions })
  const agent = await newAgent('planner')
  const pad = 'x'.repeat(100_000)
  await post(agent, url, message('tools/call', { name: 'read_note', arguments: { pad } }), await open(agent))
  const [last] = stored.slice(-1) as { authorization?: unknown }[]
  expect(Object.keys(last ?? {}).toSorted()).toEqual([
    'agent',
    'authorization',
    'delegate',
    'person',
    'scope',
    'secret',
  ])
  expect(last?.authorization).toEqual({
    claims: expect.objectContaining({ sub: 'planner' }) as object,
    scope: ['notes.read'],
    expired: false,
  })
  expect(JSON.stringify(last).length).toBeLessThan(4000)
})
