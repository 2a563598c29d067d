import { EventEmitter } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { CountersignEvent } from 'countersign'
import { asPlainText } from 'countersign/editions'
import { createMetrics } from 'countersign/metrics'
import type { Resource } from 'countersign/resource'
import type { KeyReference } from 'countersign/signatures'
import { createSubrequestGateway, type GatewayOptions } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import {
  agent,
  agentSigner,
  byToken,
  json,
  listenWith,
  openResource,
} from '../../countersign/test/resource/events-resource.js'
import { ClientDisconnect, callerOf, mcpCallOf, trackRequest } from '../src/events.js'
import { exchange, type GatewayStage, message, openGateway, routes, signedLines } from './gateway-stage.js'

interface Told extends GatewayStage {
  told: CountersignEvent[]
  /** The events of a kind that the gateway itself emitted, without the members that differ each time. */
  of: (kind: CountersignEvent['kind'], role?: CountersignEvent['role']) => object[]
}

async function openTold(given: Partial<GatewayOptions> = {}, listener?: RequestListener): Promise<Told> {
  const told: CountersignEvent[] = []
  const onEvent = (event: CountersignEvent) => void told.push(event)
  const stage = await openGateway({ onEvent, ...given }, listener)
  const of: Told['of'] = (kind, role = 'gateway') =>
    told.flatMap((event) => {
      const { duration, ...rest } = { duration: 0, ...event }
      expect(duration).toBeGreaterThanOrEqual(0)
      expect(duration).toBeLessThan(10)
      return event.kind === kind && event.role === role ? [rest] : []
    })
  return { ...stage, told, of }
}

const plain = (path: string, more: string[] = []) => message([`GET ${path} HTTP/1.1`, 'Host: api.example', ...more])

/** The agent and the auth server of the tests, with an event listener for the resource. */
const toldResource = (onEvent: (event: CountersignEvent) => void): Resource => openResource({ onEvent })

describe('events of a gateway', () => {
  it('report each request once it has a response: route of the table, outcome, status and path, never the query', async () => {
    const { port, of, told } = await openTold({ cors: { origins: '*' } }, (incoming, outgoing) =>
      outgoing.writeHead(incoming.url === '/open/broken' ? 500 : 200).end(),
    )
    await exchange(port, message(await signedLines('/events?secret=1', undefined, await byToken('events.read'))))
    await exchange(port, plain('/open/broken'))
    await exchange(port, plain('/nowhere/1'))
    await exchange(port, plain('/nowhere/2'))
    await exchange(port, plain('/.well-known/aauth-resource'))
    await exchange(port, plain('/events'))
    const preflight = ['OPTIONS /events HTTP/1.1', 'Host: x', 'Origin: https://a.example']
    await exchange(port, message([...preflight, 'Access-Control-Request-Method: GET']))
    const kind = { kind: 'request', role: 'gateway' }
    const get = { ...kind, method: 'GET', outcome: 'ok' }
    const missing = { ...get, route: 'other', outcome: 'not_found', status: 404 }
    await expect
      .poll(() => of('request'))
      .toEqual([
        { ...get, route: 'GET /events', status: 200, path: '/events', agent },
        { ...get, route: '* /open/*', status: 500, path: '/open/broken' },
        { ...missing, path: '/nowhere/1' },
        { ...missing, path: '/nowhere/2' },
        { ...get, route: '/.well-known/aauth-resource', status: 200, path: '/.well-known/aauth-resource' },
        { ...get, route: 'GET /events', outcome: 'signature_missing', status: 401, path: '/events' },
        { ...kind, method: 'OPTIONS', route: 'preflight', outcome: 'ok', status: 204, path: '/events' },
      ])
    expect(JSON.stringify(told)).not.toMatch(/secret|eyJ/)
  })

  it('report the caller: an agent, or a key that proves none; never the user', async () => {
    const { port, of } = await openTold()
    await exchange(port, message(await signedLines('/events', undefined, await byToken('events.read'))))
    const byKey: KeyReference = { scheme: 'hwk', jwk: agentSigner.jwk }
    await exchange(port, message(await signedLines('/signed', undefined, byKey)))
    await exchange(port, plain('/open/1'))
    const asked = { kind: 'request', role: 'gateway', outcome: 'ok', status: 200, method: 'GET' }
    await expect
      .poll(() => of('request'))
      .toEqual([
        { ...asked, route: 'GET /events', path: '/events', agent },
        { ...asked, route: 'GET /signed', path: '/signed', thumbprint: agentSigner.thumbprint },
        { ...asked, route: '* /open/*', path: '/open/1' },
      ])
  })

  it('report the reason for a refusal, which the response hides; events of its resource are not emitted twice', async () => {
    const lines = await signedLines('/events', undefined, {
      scheme: 'jwks',
      id: 'https://gone.example',
      kid: 'k',
      wellKnown: 'aauth-agent',
    })
    const alone = await openTold()
    const answer = await exchange(alone.port, message(lines))
    expect(answer).not.toMatch(/gone\.example/)
    expect(alone.of('refusal')).toMatchObject([{ code: 'key_unknown', status: 401, lookup: true }])
    const shared: CountersignEvent[] = []
    const onEvent = (event: CountersignEvent) => void shared.push(event)
    const { port } = await openGateway({ resource: toldResource(onEvent), onEvent })
    await exchange(port, message(lines))
    await exchange(port, plain('/events//'))
    const refusals = shared.filter(({ kind }) => kind === 'refusal')
    expect(refusals).toMatchObject([
      { role: 'resource', agent: 'https://gone.example', claimed: true, lookup: true },
      { role: 'gateway', code: 'target_ambiguous', status: 400 },
    ])
    expect(shared.some(({ kind }) => kind === 'lookup')).toBe(true)
  })

  it('are sent to the listener of its resource if it has none of its own', async () => {
    const told: CountersignEvent[] = []
    const { port } = await openGateway({ resource: toldResource((event) => void told.push(event)) })
    await exchange(port, plain('/open/1'))
    expect(told).toMatchObject([{ kind: 'upstream' }, { kind: 'request', role: 'gateway', outcome: 'ok' }])
  })

  it('report that a client disconnected', async () => {
    const { port, of, arrived } = await openTold({}, () => undefined)
    const socket = connect(port, '127.0.0.1', () => socket.write(plain('/open/slow')))
    await expect.poll(() => arrived.length).toBe(1)
    socket.destroy()
    await expect.poll(() => of('request')).toMatchObject([{ route: '* /open/*', outcome: 'aborted' }])
    expect(of('request')[0]).toHaveProperty('status', undefined)
    expect(of('upstream')).toEqual([])
  })

  it('report the state of the upstream: responded, down, late, reset, unreadable, interrupted, silent', async () => {
    const { port, of, gateway, options } = await openTold({}, ({ url = '' }, outgoing) => {
      const { socket } = outgoing
      if (url === '/open/late') return
      if (url === '/open/reset') return void socket?.resetAndDestroy()
      if (url === '/open/noise') return void socket?.end('what?\r\n\r\n')
      outgoing.writeHead(200, { 'content-length': url === '/open/ok' ? '2' : '20' })
      outgoing.write('ok')
      if (url === '/open/half') setTimeout(() => socket?.resetAndDestroy(), 50)
    })
    const limitsOf: Record<string, GatewayOptions['limits']> = {
      late: { responseTimeout: 0.2 },
      silent: { silence: 0.2 },
    }
    for (const name of ['ok', 'late', 'reset', 'noise', 'half', 'silent']) {
      gateway.use({ ...options, limits: limitsOf[name] })
      await exchange(port, message([`POST /open/${name} HTTP/1.1`, 'Host: x']))
    }
    gateway.use({ ...options, upstream: 'http://127.0.0.1:1' })
    await exchange(port, plain('/open/down'))
    expect(of('upstream')).toMatchObject([
      { outcome: 'answered', status: 200 },
      { outcome: 'late', reason: expect.stringMatching(/in time/) as string },
      { outcome: 'reset', reason: expect.stringMatching(/ECONNRESET/) as string },
      { outcome: 'unreadable' },
      { outcome: 'answered' },
      { outcome: 'broken_off', status: 200 },
      { outcome: 'answered' },
      { outcome: 'broken_off', reason: expect.stringMatching(/sent nothing/) as string },
      { outcome: 'unreachable', reason: expect.stringMatching(/ECONNREFUSED/) as string },
    ])
    const [ok, late, failed] = ['ok', 'upstream_late', 'upstream_failed']
    expect(of('request').map((event) => (event as { outcome?: string }).outcome)).toEqual([
      ok,
      late,
      failed,
      failed,
      failed,
      failed,
      failed,
    ])
    expect(of('refusal')).toEqual([])
  })

  it('report which uploads were written to disk', async () => {
    const { port, of } = await openTold()
    const body = 'a'.repeat(2_000_000)
    for (const [path, content] of [
      ['/open/large', body],
      ['/open/small', 'small'],
    ] as const)
      await exchange(
        port,
        message(
          [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Type: text/plain', `Content-Length: ${content.length}`],
          content,
        ),
      )
    await expect
      .poll(() => of('upload'))
      .toEqual([{ kind: 'upload', role: 'gateway', route: '* /open/*', bytes: body.length }])
  })

  it('report WebSockets: when they open, and how they end', async () => {
    const upstream = createServer()
    upstream.on('upgrade', (_, socket: Duplex) => {
      socket
        .on('error', () => undefined)
        .on('end', () => socket.end())
        .resume()
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    })
    const { port, of, gateway } = await openTold({ upstream: `http://127.0.0.1:${await listenWith(upstream)}` })
    const head = ['GET /open/ws HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket']
    const open = () => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n`))
      return socket.on('error', () => undefined)
    }
    const first = open()
    await expect.poll(() => of('socket').length).toBe(1)
    first.destroy()
    await expect.poll(() => of('socket').length).toBe(2)
    open()
    await expect.poll(() => of('socket').length).toBe(3)
    gateway.close()
    const socket = { kind: 'socket', role: 'gateway', route: '* /open/*' }
    await expect
      .poll(() => of('socket'))
      .toEqual(['opened', 'ended', 'opened', 'stopped'].map((outcome) => ({ ...socket, outcome })))
    expect(of('request')).toMatchObject([{ status: 101, outcome: 'ok' }, { status: 101 }])
  })

  it('name the caller of a WebSocket', async () => {
    const upstream = createServer()
    upstream.on('upgrade', (_, socket: Duplex) => {
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    })
    const { port, of } = await openTold({ upstream: `http://127.0.0.1:${await listenWith(upstream)}` })
    const lines = await signedLines('/socket', undefined, await byToken('events.read', { agent_delegate: 'laptop' }))
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${[...lines, 'Connection: Upgrade', 'Upgrade: websocket'].join('\r\n')}\r\n\r\n`),
    )
    socket.on('error', () => undefined)
    await expect.poll(() => of('socket').length).toBe(2)
    for (const event of of('socket')) expect(event).toMatchObject({ agent, delegate: 'laptop' })
  })

  it('report the name of a tool in printable ASCII of at most 256 characters, and none of its arguments', async () => {
    const name = `look\n${'a'.repeat(300)}`
    const { port, of, told } = await openTold({ mcp: [{ path: '/mcp', tools: { [name]: '' } }] })
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { q: 'private' } } }
    const text = JSON.stringify(call)
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const lines = await signedLines('/mcp', { ...json(call), headers })
    await exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
    expect(of('request')).toMatchObject([{ mcpMethod: 'tools/call', mcpName: `look?${'a'.repeat(251)}` }])
    expect(JSON.stringify(told)).not.toContain('private')
  })

  it('report calls to MCP servers, and the reasons for refusals', async () => {
    const mcp = [{ path: '/mcp', tools: { look: 'events.read' } }]
    const { port, of } = await openTold({ mcp }, (_, outgoing) => {
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
    })
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'look' } }
    const text = JSON.stringify(call)
    const init = {
      ...json(call),
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    }
    for (const scope of ['events.read', 'events.other']) {
      const lines = await signedLines('/mcp', init, await byToken(scope))
      await exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
    }
    await exchange(port, plain('/mcp'))
    expect(of('request')).toMatchObject([
      { route: '/mcp', outcome: 'ok', status: 200, agent, mcpMethod: 'tools/call', mcpName: 'look' },
      { route: '/mcp', outcome: 'scope_insufficient', status: 403 },
      { route: '/mcp', outcome: 'signature_missing', status: 401 },
    ])
    expect(of('upstream')).toMatchObject([{ route: '/mcp', outcome: 'answered' }])
    expect(of('refusal')).toMatchObject([{ code: 'scope_insufficient' }, { code: 'signature_missing' }])
  })
})

it('emits events of a gateway for subrequests with the route of the original request', async () => {
  const told: CountersignEvent[] = []
  const resource = toldResource((event) => void told.push(event))
  const { server } = createSubrequestGateway({ resource, routes, proxy: 'nginx', trustProxy: ['127.0.0.1'] })
  const port = await listenWith(server)
  const about = (lines: string[], target: string) =>
    message(['GET /verify HTTP/1.1', ...lines.slice(1), 'X-Original-Method: GET', `X-Original-URI: ${target}`])
  await exchange(port, about(await signedLines('/signed?q=secret'), '/signed?q=secret'))
  await exchange(port, about(['', 'Host: x'], '/events'))
  await exchange(port, about(['', 'Host: x'], '/nowhere'))
  const requests = told.filter(({ kind, role }) => kind === 'request' && role === 'gateway')
  expect(requests).toMatchObject([
    { route: 'GET /signed', outcome: 'ok', status: 200, method: 'GET', path: '/signed', agent },
    { route: 'GET /events', outcome: 'signature_missing', status: 401 },
    { route: 'other', outcome: 'not_found', status: 404 },
  ])
  expect(told.filter(({ kind }) => kind === 'refusal')).toMatchObject([
    { role: 'resource', code: 'signature_missing' },
    { role: 'gateway', code: 'not_found' },
  ])
  expect(JSON.stringify(told.filter(({ role }) => role === 'gateway'))).not.toMatch(/secret/)
  expect(JSON.stringify(told)).not.toContain(agent.replace('https://', 'sig='))
})

it('limits the metrics of a gateway to the routes of its table, whatever is requested', async () => {
  const metrics = createMetrics({ process: false })
  const { port } = await openGateway({ onEvent: metrics.onEvent })
  for (let at = 0; at < 20; at++) await exchange(port, plain(`/made-up-${at}`))
  for (let at = 0; at < 20; at++) await exchange(port, plain(`/open/${at}`))
  const text = await metrics.registry.metrics()
  expect(text).toContain('countersign_requests_total{role="gateway",route="other",outcome="not_found"} 20\n')
  expect(text).toContain('countersign_requests_total{role="gateway",route="* /open/*",outcome="ok"} 20\n')
  expect(text).toContain('countersign_upstream_total{route="* /open/*",outcome="answered"} 20\n')
  expect(text).not.toMatch(/made-up/)
})

describe('the event of a request', () => {
  /** A response whose members a test sets. */
  const responding = (more: object = {}) =>
    Object.assign(new EventEmitter(), { statusCode: 200, headersSent: true, writableFinished: true, ...more })

  function track(outgoing: object, change: object = {}, status?: number) {
    const told: object[] = []
    const incoming = { method: 'POST', url: '/a?b?c' } as never
    const tracked = trackRequest((event) => void told.push({ ...event, duration: 0 }), incoming, outgoing as never)
    Object.assign(tracked, change)
    tracked.end(status)
    tracked.end(status)
    expect(told).toHaveLength(1)
    return told[0]
  }
  const event = { kind: 'request', route: 'other', method: 'POST', path: '/a', duration: 0 }

  it.each<[object, object, object]>([
    [{}, {}, { outcome: 'ok', status: 200 }],
    [{ statusCode: 399 }, {}, { outcome: 'ok', status: 399 }],
    [{ statusCode: 400 }, {}, { outcome: 'refused', status: 400 }],
    [{ statusCode: 499 }, {}, { outcome: 'refused', status: 499 }],
    [{ statusCode: 500 }, {}, { outcome: 'bug', status: 500 }],
    [{ statusCode: 404 }, { outcome: 'ok' }, { outcome: 'ok', status: 404 }],
    [{ statusCode: 404 }, { outcome: 'not_found' }, { outcome: 'not_found', status: 404 }],
    [{ writableFinished: false }, {}, { outcome: 'aborted', status: 200 }],
    [{ writableFinished: false }, { outcome: 'ok' }, { outcome: 'aborted', status: 200 }],
    [{ writableFinished: false, headersSent: false }, {}, { outcome: 'aborted', status: undefined }],
    [{ statusCode: 403 }, { outcome: 'x', realStatus: 404 }, { outcome: 'x', status: 404 }],
    [
      {},
      { route: 'GET /a', caller: { agent: 'b' }, mcpCall: { mcpMethod: 'c' } },
      { agent: 'b', mcpMethod: 'c', outcome: 'ok', route: 'GET /a', status: 200 },
    ],
  ])('with the response %j and the facts %j is %j', (response, facts, expected) => {
    expect(track(responding(response), facts)).toEqual({ ...event, ...expected })
  })

  it('has the status of a handshake, and at most 256 characters of the path', () => {
    expect(track(responding({ writableFinished: false }), {}, 101)).toEqual({ ...event, outcome: 'ok', status: 101 })
    const request = { method: 'GET', rawTarget: `/${'x'.repeat(300)}` }
    expect(track(responding(), { request })).toMatchObject({ method: 'GET', path: `/${'x'.repeat(255)}` })
  })

  it.each(['finish', 'close'])('is emitted on %s, unless there is no listener', (name) => {
    const told: object[] = []
    const outgoing = responding()
    trackRequest((given) => void told.push(given), { method: 'GET', url: '/' } as never, outgoing as never)
    outgoing.emit(name)
    expect(told).toHaveLength(1)
    const silent = responding()
    trackRequest(undefined, { method: 'GET', url: '/' } as never, silent as never).end()
    expect(silent.listenerCount('finish')).toBe(0)
  })

  it('a client has disconnected if its connection closes before the whole response', () => {
    for (const [finished, expected] of [
      [false, true],
      [true, false],
    ] as const) {
      const outgoing = responding({ writableFinished: finished })
      const disconnect = new ClientDisconnect(outgoing as never)
      const called: string[] = []
      disconnect.onDisconnect(() => called.push('first'))
      disconnect.onDisconnect(() => called.push('second'))
      outgoing.emit('close')
      expect([disconnect.hasHappened, called]).toEqual([expected, expected ? ['second'] : []])
    }
    const socket = new EventEmitter()
    const upgraded = new ClientDisconnect(responding() as never, socket as never)
    expect(upgraded.hasHappened).toBe(false)
    socket.emit('close')
    expect(upgraded.hasHappened).toBe(true)
  })
})

it.each<[object, object]>([
  [{ thumbprint: 't' }, { thumbprint: 't' }],
  [{ agent: 'a\n', thumbprint: 't' }, { agent: asPlainText('a\n') }],
  [
    { agent: 'a', delegate: 'd\n', thumbprint: 't' },
    { agent: 'a', delegate: asPlainText('d\n') },
  ],
  [
    { agent: 'a', thumbprint: undefined },
    { agent: 'a', proof: 'bearer' },
  ],
])('the caller %j is reported as %j', (caller, reported) => {
  expect(callerOf(caller as never)).toEqual(reported)
})

it.each<[unknown, object]>([
  [undefined, {}],
  [null, {}],
  [{}, {}],
  [{ method: 7, params: { name: 'a' } }, {}],
  [
    { method: 'tools/call', params: { name: 'a' } },
    { mcpMethod: 'tools/call', mcpName: 'a' },
  ],
  [
    { method: 'prompts/get', params: { name: 'a' } },
    { mcpMethod: 'prompts/get', mcpName: 'a' },
  ],
  [{ method: 'tools/call', params: { name: 7 } }, { mcpMethod: 'tools/call' }],
  [{ method: 'tools/call' }, { mcpMethod: 'tools/call' }],
  [{ method: 'tools/list', params: { name: 'a' } }, { mcpMethod: 'tools/list' }],
])('the call of the message %j is %j', (message, call) => {
  expect(mcpCallOf(message)).toEqual(call)
})
