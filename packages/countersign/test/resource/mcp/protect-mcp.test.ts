import { gzipSync } from 'node:zlib'
import { createMcpHandler, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { type McpOptions, protectMcp } from 'countersign/resource/mcp'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import {
  formOrCall,
  ids,
  type McpAgent,
  type McpStage,
  message,
  modern,
  notPlainJson,
  openMcpStage,
  parseCallbackResponse,
  post,
} from './mcp-stage.js'

const table = {
  tools: { read_note: 'notes.read', write_note: 'notes.write', hello: '', rename_all: 'notes.write' },
  resources: { 'notes://*': 'notes.read' },
  prompts: { summary: 'notes.read' },
} satisfies McpOptions

interface Served extends McpStage {
  /** The tools that ran, with the caller of each. */
  ran: string[]
}

/** An SDK 2 server in three lines. */
function openServer(options: Partial<McpOptions> = {}): Served {
  const stage = openMcpStage()
  const ran: string[] = []
  const newServer = () => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' })
    const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })
    for (const name of ['read_note', 'write_note', 'hello', 'not_listed'])
      server.registerTool(name, { inputSchema: z.object({ id: z.string().optional() }) }, async (_given, { http }) => {
        const { clientId = '', scopes = [], extra = {} } = http?.authInfo ?? {}
        ran.push(`${name} ${clientId} ${String(extra.sub)} ${scopes.join('+')}`)
        return text(`${name} done`)
      })
    server.registerTool('rename_all', { inputSchema: z.object({ to: z.string() }) }, async ({ to }, { mcpReq }) => {
      const state = mcpReq.requestState() as string | undefined
      ran.push(`rename_all ${to} ${state}`)
      if (state !== undefined) return text(`renamed with ${state}`)
      return inputRequired({
        requestState: 'the server’s own state',
        inputRequests: {
          sure: inputRequired.elicit({
            message: 'Are you sure?',
            requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } } },
          }),
        },
      })
    })
    server.registerResource('one', 'notes://mine/1', {}, async (uri) => ({
      contents: [{ uri: uri.href, text: 'one' }],
    }))
    server.registerResource('other', 'file:///etc/other', {}, async (uri) => ({
      contents: [{ uri: uri.href, text: 'x' }],
    }))
    server.registerPrompt('summary', {}, async () => ({ messages: [] }))
    server.registerPrompt('hidden', {}, async () => ({ messages: [] }))
    return server
  }
  const handler = createMcpHandler(newServer)
  const mcp = protectMcp(stage.resource, { ...table, ...options })
  stage.serve(mcp.around(handler.fetch))
  return { ...stage, ran }
}

afterEach(() => {
  vi.useRealTimers()
})

const call = (name: string, more: Record<string, unknown> = {}) =>
  modern('tools/call', { name, arguments: {}, ...more })

describe.each([
  ['2026-07-28', (method: string, params: Record<string, unknown>) => modern(method, params)],
  [
    '2025-11-25',
    (method: string, params: Record<string, unknown>) => ({
      body: message(method, params),
      headers: { 'mcp-protocol-version': '2025-11-25' },
    }),
  ],
])('an SDK 2 server for clients of %s', (_era, write) => {
  it('is called by a known agent; authInfo names the user, and only missing scopes are prompted for', async () => {
    const { newAgent, ran, url } = openServer()
    const agent = await newAgent('planner')
    const read = write('tools/call', { name: 'read_note', arguments: {} })
    expect(await parseCallbackResponse(await post(agent, url, read.body, read.headers))).toMatchObject({
      result: { content: [{ text: 'read_note done' }] },
    })
    const change = write('tools/call', { name: 'write_note', arguments: {} })
    expect((await post(agent, url, change.body, change.headers)).status).toBe(200)
    const free = write('tools/call', { name: 'hello', arguments: {} })
    expect((await post(agent, url, free.body, free.headers)).status).toBe(200)
    expect(agent.person.asked, 'the union, without duplicates').toEqual(['notes.read', 'notes.read notes.write'])
    expect(ran).toEqual([
      'read_note https://planner.example planner notes.read',
      'write_note https://planner.example planner notes.read+notes.write',
      'hello https://planner.example planner notes.read+notes.write',
    ])
  })

  it('lists only what may be used or requested, and keeps lists out of shared caches (M07)', async () => {
    const { newAgent, url } = openServer()
    const agent = await newAgent('planner')
    const listed = async (method: string) => {
      const asked = write(method, {})
      const response = await post(agent, url, asked.body, asked.headers)
      expect(response.headers.get('cache-control')).toBe('private, no-store')
      return (await parseCallbackResponse(response)).result as Record<string, { name?: string; uri?: string }[]>
    }
    const tools = await listed('tools/list')
    expect(tools.tools?.map(({ name }) => name)).toEqual(['read_note', 'write_note', 'hello', 'rename_all'])
    expect((await listed('resources/list')).resources?.map(({ uri }) => uri)).toEqual(['notes://mine/1'])
    expect((await listed('prompts/list')).prompts?.map(({ name }) => name)).toEqual(['summary'])
    if (_era === '2026-07-28') expect(tools).toMatchObject({ cacheScope: 'private' })
    expect(agent.person.asked, 'no one was prompted').toEqual([])
  })

  it('M03: refuses what is not in the table, whatever the token allows', async () => {
    const { newAgent, ran, url } = openServer()
    const agent = await newAgent('planner')
    for (const [method, params, code] of [
      ['tools/call', { name: 'not_listed', arguments: {} }, -32602],
      ['resources/read', { uri: 'file:///etc/other' }, -32602],
      ['prompts/get', { name: 'hidden' }, -32602],
      ['tasks/list', {}, -32601],
    ] as const) {
      const asked = write(method, params)
      const answer = await parseCallbackResponse(await post(agent, url, asked.body, asked.headers))
      expect(answer, method).toMatchObject({ id: 1, error: { code } })
    }
    expect(ran).toEqual([])
  })

  it('is not called if the user denies', async () => {
    const { newAgent, ran, url } = openServer()
    const agent = await newAgent('planner', { allows: false })
    const asked = write('tools/call', { name: 'read_note', arguments: {} })
    await expect(post(agent, url, asked.body, asked.headers)).rejects.toMatchObject({ code: 'access_denied' })
    expect(ran).toEqual([])
  })
})

describe('refused before anything runs', () => {
  it('M01: ambiguous bodies', async () => {
    const { newAgent, ran, url } = openServer()
    const agent = await newAgent('planner')
    const twice = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hello","name":"write_note"}}'
    const escaped = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hello","na\\u006de":"write_note"}}'
    const bodies = [
      twice,
      escaped,
      [message('tools/call', { name: 'hello' })],
      '{',
      message('tools/call', { name: 'hello', Name: 'x' }),
    ]
    for (const body of bodies) {
      const response = await post(agent, url, body)
      expect(response.status, JSON.stringify(body)).toBe(400)
      expect(await response.json()).toMatchObject({ error: { code: -32600 } })
    }
    const text = await agent.fetch(url, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })
    expect(text.status).toBe(415)
    expect(ran).toEqual([])
  })

  it.each(notPlainJson)('M20: a body that is not JSON, or may also be something else: %s', async (type) => {
    const stage = openMcpStage()
    const got: string[] = []
    const mcp = protectMcp(stage.resource, table)
    // It ignores the Content-Type, as many servers do.
    const server = async (request: Request) => {
      got.push(await request.text())
      return Response.json({})
    }
    stage.serve(mcp.around(server))
    const agent = await stage.newAgent('planner')
    for (const body of [formOrCall('write_note'), JSON.stringify(message('ping'))]) {
      const response = await post(agent, stage.url, body, { 'content-type': type })
      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({ error: { code: -32600 } })
    }
    expect(got).toEqual([])
    for (const plain of ['application/json', 'Application/JSON;charset=UTF-8', 'application/json; charset="utf-8"'])
      expect((await post(agent, stage.url, message('ping'), { 'content-type': plain })).status).toBe(200)
    expect(got).toHaveLength(3)
  })

  it('M20: a byte order mark, a compressed body, a changed method', async () => {
    const stage = openMcpStage()
    const got: string[] = []
    const mcp = protectMcp(stage.resource, table)
    const handler = mcp.around((request) => {
      got.push(request.method)
      return Response.json({})
    })
    stage.serve(handler)
    const agent = await stage.newAgent('planner')
    const text = JSON.stringify(message('ping'))
    expect((await post(agent, stage.url, `\ufeff${text}`)).status).toBe(400)
    expect((await post(agent, stage.url, text, { 'content-encoding': 'gzip' })).status).toBe(415)
    stage.serve((request) =>
      handler(new Request(request.url, { method: 'DELETE', headers: request.headers }), {
        method: request.method,
        rawTarget: '/mcp',
        rawHeaders: [...request.headers].flat(),
        body: async () => new Uint8Array(await request.arrayBuffer()),
      }),
    )
    expect((await post(agent, stage.url, text)).status).toBe(500)
    expect(got).toEqual([])
  })

  it('M05: headers that differ from the body', async () => {
    const { newAgent, ran, url } = openServer()
    const agent = await newAgent('planner')
    const { body, headers } = call('write_note')
    const response = await post(agent, url, body, { ...headers, 'mcp-name': 'hello' })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: 1, error: { code: -32020 } })
    expect(ran).toEqual([])
  })

  it('M05: a parameter header that differs from the one in the tool’s definition', async () => {
    const stage = openMcpStage()
    let ran = 0
    const inputSchema = { type: 'object', properties: { db: { type: 'string', 'x-mcp-header': 'Database' } } }
    const server = async (request: Request) => {
      const isList = (await request.text()).includes('tools/list')
      if (!isList) ran++
      return Response.json({ jsonrpc: '2.0', id: 1, result: isList ? { tools: [{ name: 'hello', inputSchema }] } : {} })
    }
    stage.serve(protectMcp(stage.resource, table).around(server))
    const agent = await stage.newAgent('planner')
    const { body, headers } = call('hello', { arguments: { db: 'eu', database: 'us' } })
    const send = async (value: string) =>
      (await post(agent, stage.url, body, { ...headers, 'mcp-param-database': value })).status
    expect(await send('eu'), 'its definition is not yet known').toBe(400)
    const list = modern('tools/list')
    await post(agent, stage.url, list.body, list.headers)
    expect(await send('eu')).toBe(200)
    expect(await send('us')).toBe(400)
    expect(ran).toBe(1)
  })

  it('strangers learn what they must prove, and nothing else', async () => {
    const { resource, ran } = openServer()
    const mcp = protectMcp(resource, table)
    const handler = mcp.around(() => {
      ran.push('ran')
      return new Response()
    })
    for (const body of ['{', JSON.stringify(message('tools/call', { name: 'not_listed' })), JSON.stringify([1])]) {
      const request = new Request(`${ids.api}/mcp`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      })
      const response = await handler(request)
      expect(response.status).toBe(401)
      expect(response.headers.get('agent-auth')).toContain('httpsig')
    }
    expect((await handler(new Request(`${ids.api}/mcp`, { method: 'PUT', body: 'x' }))).status).toBe(405)
    const body = vi.fn(() => new Uint8Array(0))
    const rawHeaders = ['host', 'mcp.example', 'content-type', 'application/json', 'content-length', '1000000']
    const request = new Request(`${ids.api}/mcp`, { method: 'POST' })
    expect((await handler(request, { method: 'POST', rawTarget: '/mcp', rawHeaders, body })).status).toBe(401)
    expect(body).not.toHaveBeenCalled()
    expect(ran).toEqual([])
  })

  it('connect: a scope for every use, including lists', async () => {
    const { newAgent, url } = openServer({ connect: 'mcp.use' })
    const agent = await newAgent('planner')
    const asked = modern('tools/list')
    await post(agent, url, asked.body, asked.headers)
    const read = call('read_note')
    await post(agent, url, read.body, read.headers)
    expect(agent.person.asked).toEqual(['mcp.use', 'mcp.use notes.read'])
  })
})

describe('M22: a response to a list request', () => {
  const tools = [{ name: 'read_note' }, { name: 'secret_tool' }]
  const answer = { jsonrpc: '2.0', id: 1, result: { tools } }
  const text = JSON.stringify(answer)
  const json = { 'content-type': 'application/json' }
  const events = { 'content-type': 'text/event-stream' }
  const failed = { jsonrpc: '2.0', id: 1, error: { code: -32_000, message: 'failed', data: { tools } } }

  it.each<[string, BodyInit, Record<string, string>, boolean]>([
    ['in the correct form', text, json, true],
    ['with a string id', JSON.stringify({ ...answer, id: '1' }), json, true],
    ['in a batch', JSON.stringify([answer, { jsonrpc: '2.0', method: 'notifications/x' }]), json, true],
    ['in a batch of events', `data: ${JSON.stringify([answer])}\n\n`, events, true],
    ['with another id in events', `data: ${JSON.stringify({ ...answer, id: 7 })}\n\n`, events, true],
    ['with a JSON-like type', text, { 'content-type': 'application/vnd.mcp+json' }, true],
    ['without a type', Buffer.from(text), {}, true],
    ['with another type', text, { 'content-type': 'text/plain' }, true],
    ['with a type that mentions events', text, { 'content-type': 'text/plain; of="text/event-stream"' }, true],
    ['with an error', JSON.stringify(failed), json, false],
    ['with another result', JSON.stringify({ ...answer, result: tools }), json, false],
    ['nested in an object', JSON.stringify({ ...answer, result: { tools: { tools } } }), json, false],
    ['next to the result', JSON.stringify({ ...answer, tools }), json, true],
    ['that is not JSON', `${text}}`, json, false],
    ['in an event that is not JSON', `data: ${text}}\n\n`, events, false],
    ['packed', new Uint8Array(gzipSync(text)), { ...json, 'content-encoding': 'gzip' }, false],
    [
      'compressed events',
      new Uint8Array(gzipSync(`data: ${text}\n\n`)),
      { ...events, 'content-encoding': 'gzip' },
      false,
    ],
  ])('shows only entries in the table: %s', async (_case, body, headers, isShown) => {
    const stage = openMcpStage()
    const asked: (string | null)[] = []
    const server = (request: Request) => {
      asked.push(request.headers.get('accept-encoding'))
      return new Response(body, { headers })
    }
    stage.serve(protectMcp(stage.resource, table).around(server))
    const agent = await stage.newAgent('planner')
    const response = await post(agent, stage.url, message('tools/list'), { 'accept-encoding': 'gzip' })
    const shown = await response.text()
    expect(shown).not.toContain('secret_tool')
    expect(shown.includes('read_note')).toBe(isShown)
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(asked, 'requested uncompressed').toEqual([null])
    if (_case === 'with an error') expect(JSON.parse(shown)).toMatchObject({ id: 1, error: { message: 'failed' } })
  })
})

it('drops Content-Length in both directions, and the ETag of a response that it changed', async () => {
  const stage = openMcpStage()
  const lengths: (string | null)[] = []
  const server = (request: Request) => {
    lengths.push(request.headers.get('content-length'))
    const list = { jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'read_note' }, { name: 'secret_tool' }] } }
    return Response.json(list, { headers: { etag: '"a"', 'content-length': '1000' } })
  }
  stage.serve(protectMcp(stage.resource, table).around(server))
  const agent = await stage.newAgent('planner')
  const list = JSON.stringify(message('tools/list'))
  const response = await post(agent, stage.url, list, { 'content-length': String(list.length) })
  expect([lengths, response.headers.get('content-length'), response.headers.get('etag')]).toEqual([[null], null, null])
})

it('resumes a stream of the server by its own event id, of which the client has only a sealed form', async () => {
  const stage = openMcpStage()
  const resumed: (string | null)[] = []
  const events = { 'content-type': 'text/event-stream', 'mcp-session-id': 'session-1' }
  const server = (request: Request) => {
    if (request.method === 'GET') {
      resumed.push(request.headers.get('last-event-id'))
      return new Response('', { headers: events })
    }
    const result = { jsonrpc: '2.0', id: 1, result: {} }
    return new Response(`id: event-1\ndata: ${JSON.stringify(result)}\n\n`, { headers: events })
  }
  stage.serve(protectMcp(stage.resource, table).around(server))
  const agent = await stage.newAgent('planner')
  const started = await post(agent, stage.url, message('initialize'))
  const sealed = /^id: (.*)$/m.exec(await started.text())?.[1] ?? ''
  expect(sealed).toMatch(/^event-1\.[\w-]{43}$/)
  const headers = { accept: 'text/event-stream', 'mcp-session-id': 'session-1', 'last-event-id': sealed }
  await (await agent.fetch(stage.url, { headers })).text()
  expect(resumed).toEqual(['event-1'])
})

describe('M06: a sealed state', () => {
  const rename = (to: string, more: Record<string, unknown> = {}) =>
    modern('tools/call', { name: 'rename_all', arguments: { to }, ...more })

  async function stateOf(stage: Served, agent: Awaited<ReturnType<Served['newAgent']>>, to = 'x'): Promise<string> {
    const { body, headers } = rename(to)
    const answer = await parseCallbackResponse(await post(agent, stage.url, body, headers))
    const { requestState } = answer.result as { requestState: string }
    return requestState
  }

  const bring = async (stage: Served, agent: Awaited<ReturnType<Served['newAgent']>>, to: string, state: string) => {
    const { body, headers } = rename(to, {
      requestState: state,
      inputResponses: { sure: { action: 'accept', content: { yes: true } } },
    })
    return parseCallbackResponse(await post(agent, stage.url, body, headers))
  }

  it('is accepted from its owner with the same call; the server reads its own state', async () => {
    const stage = openServer({ sealState: true })
    const agent = await stage.newAgent('planner')
    const state = await stateOf(stage, agent)
    expect(state).not.toContain('state')
    expect(await bring(stage, agent, 'x', state)).toMatchObject({
      result: { content: [{ text: 'renamed with the server’s own state' }] },
    })
  })

  it('is rejected from another agent or user, with another argument or tool, or if changed', async () => {
    const stage = openServer({ sealState: true })
    const agent = await stage.newAgent('planner')
    const state = await stateOf(stage, agent)
    const ran = stage.ran.length
    const refused = { error: { code: -32602 } }
    expect(await bring(stage, await stage.newAgent('other'), 'x', state), 'another agent').toMatchObject(refused)
    expect(
      await bring(stage, await stage.newAgent('planner', { sub: 'bob' }), 'x', state),
      'another user',
    ).toMatchObject(refused)
    expect(await bring(stage, agent, 'y', state), 'another argument').toMatchObject(refused)
    const { body, headers } = call('write_note', { requestState: state })
    expect(await parseCallbackResponse(await post(agent, stage.url, body, headers)), 'another tool').toMatchObject(
      refused,
    )
    for (const at of [0, 20, state.length - 2]) {
      const other = state[at] === 'A' ? 'B' : 'A'
      const changed = state.slice(0, at) + other + state.slice(at + 1)
      expect(await bring(stage, agent, 'x', changed), `changed at ${at}`).toMatchObject(refused)
    }
    expect(await bring(stage, agent, 'x', ''), 'empty').toMatchObject(refused)
    expect(await bring(stage, agent, 'x', 'the server’s own state'), 'made up').toMatchObject(refused)
    expect(stage.ran).toHaveLength(ran)
  })

  it('issued before any consent is accepted after consent, but from no other agent', async () => {
    const stage = openServer({ sealState: true, tools: { ...table.tools, rename_all: '' } })
    const agent = await stage.newAgent('planner')
    const state = await stateOf(stage, agent)
    const read = call('read_note')
    await post(agent, stage.url, read.body, read.headers)
    expect(await bring(stage, agent, 'x', state)).toHaveProperty('result')
    expect(await bring(stage, await stage.newAgent('other'), 'x', state)).toMatchObject({ error: { code: -32602 } })
  })

  it('of a user whose token has expired causes a new token request, and is accepted', async () => {
    const stage = openServer({ sealState: true, tools: { ...table.tools, rename_all: '' } })
    let ahead = 0
    const agent = await stage.newAgent('planner', { life: 40 }, () => Math.floor(Date.now() / 1000) + ahead)
    const read = call('read_note')
    await post(agent, stage.url, read.body, read.headers)
    const state = await stateOf(stage, agent)
    ahead = 36
    expect(await bring(stage, agent, 'x', state)).toHaveProperty('result')
    expect(agent.person.asked).toEqual(['notes.read', 'notes.read'])
    const other = await stage.newAgent('planner', { sub: 'bob' })
    expect(await bring(stage, other, 'x', state), 'from another user').toMatchObject({ error: { code: -32602 } })
  })

  it('expires after ten minutes; with its own key it survives a restart', async () => {
    let now = 1000
    const key = new Uint8Array(32).fill(7)
    const stage = openServer({ sealState: { key }, now: () => now })
    const agent = await stage.newAgent('planner')
    const state = await stateOf(stage, agent)
    now += 599
    expect(await bring(stage, agent, 'x', state)).toHaveProperty('result')
    now += 2
    expect(await bring(stage, agent, 'x', state)).toMatchObject({ error: { code: -32602 } })
  })
})

type Ask = (agent: McpAgent, url: URL) => Promise<Response>

it.each<[string, Ask]>([
  ['of a GET', (agent, url) => agent.fetch(url, { headers: { accept: 'text/event-stream' } })],
  [
    'of a call in a version without sessions',
    (agent, url) => {
      const { body, headers } = modern('tools/call', { name: 'read_note' })
      return post(agent, url, body, headers)
    },
  ],
])('a stream %s closes at the first check after a revocation, and not before', async (_what, ask) => {
  const stage = openMcpStage()
  let holds = true
  let checks = 0
  let closed = false
  const isStillAuthorized = async () => {
    checks++
    return holds
  }
  const resource = { ...stage.resource, isStillAuthorized }
  const endless = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(': begun\n\n')),
      cancel: () => {
        closed = true
      },
    })
  const mcp = protectMcp(resource, { connect: 'mcp.use', tools: { read_note: 'mcp.use' } })
  stage.serve(mcp.around(() => new Response(endless(), { headers: { 'content-type': 'text/event-stream' } })))
  const agent = await stage.newAgent('planner')
  const stream = await ask(agent, stage.url)
  expect(stream.headers.get('cache-control')).toBe('private, no-store')
  await expect.poll(() => checks).toBeGreaterThan(1)
  expect(closed).toBe(false)
  holds = false
  const before = checks
  expect(await stream.text()).toBe(': begun\n\n')
  expect(checks).toBe(before + 1)
  expect(closed, 'the server is notified').toBe(true)
})

it.each<[string, Record<string, unknown>, RegExp]>([
  ['an unknown option', { tool: {} }, /tool/],
  ['a list', { tools: ['read_note'] }, /tools must be an object/],
  ['an invalid scope', { tools: { read_note: true } }, /scope of read_note/],
  ['a scope with invalid characters', { tools: { read_note: 'a"b' } }, /scope of read_note/],
  [
    'a wildcard for tools',
    { tools: { '*': 'data.read' } },
    /tools: \* must be a complete name: \* is only valid in resources/,
  ],
  ['a wildcard in the name of a prompt', { prompts: { 'a*': '' } }, /prompts: a\* must be a complete name/],
  ['a URI that no server sends', { resources: { 'notes://a b': '' } }, /is not a URI in normalized form/],
  ['a URI with a parent segment', { resources: { 'file:///srv/../etc/*': '' } }, /is not a URI in normalized form/],
  ['a short key', { sealState: { key: new Uint8Array(16) } }, /32 bytes/],
])('rejects invalid options: %s', (_case, options, why) => {
  const { resource } = openMcpStage()
  expect(() => protectMcp(resource, options)).toThrow(why)
  expect(() => protectMcp({} as never, {})).toThrow(/createResource/)
})
