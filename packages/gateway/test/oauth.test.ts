import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { CountersignEvent, OnEvent } from 'countersign'
import { createGateway, createSubrequestGateway, type GatewayOptions, type Route } from 'countersign-gateway'
import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { holdClock } from '../../../test/hold-clock.js'
import { authServer, byToken, id, resourceSigner } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, signedLines, statusOf } from './gateway-stage.js'
import { bearer, both, client, openOAuthGateway, openOAuthResource, tokenFor } from './oauth-stage.js'

const mcp = [{ path: '/mcp', accept: both, name: 'Events', tools: { look: 'events.read', change: 'events.write' } }]
const call = (name: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })
const jsonRpc = ['Content-Type', 'application/json', 'Accept', 'application/json, text/event-stream']
const metadataOf = (path: string) => `/.well-known/oauth-protected-resource${path}`
const challengeOf = (path: string, scope: string) =>
  `Bearer resource_metadata="${id}${metadataOf(path)}", scope="${scope}"`

/** A response in the form of MCP, which is also JSON for the other routes. */
const respond = (_: IncomingMessage, outgoing: ServerResponse) => {
  outgoing.setHeader('content-type', 'application/json')
  outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } }))
}
const openMcp = (given: Partial<GatewayOptions> = {}, listener = respond) =>
  openOAuthGateway({ mcp, routes: undefined, ...given }, listener)

const routes: Route[] = [
  { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' },
  { method: 'POST', path: '/events', require: 'authorization', scope: 'events.write' },
  { method: 'DELETE', path: '/events', require: 'authorization', scope: 'events.delete' },
  { method: '*', path: '/known', require: 'identity' },
  { method: '*', path: '/open', require: 'none' },
]
const openApi = (given: Partial<GatewayOptions> = {}, listener = respond) =>
  openOAuthGateway({ accept: both, routes, ...given }, listener)

describe('an MCP server behind a gateway that accepts OAuth', () => {
  it('challenges every method except OPTIONS, and publishes the metadata to which the challenge refers', async () => {
    const { send, arrived } = await openMcp()
    for (const method of ['POST', 'GET', 'HEAD', 'DELETE', 'PUT', 'PATCH']) {
      const { status, headers } = await send(method, '/mcp')
      expect([method, status, headers['www-authenticate']]).toEqual([
        method,
        401,
        challengeOf('/mcp', 'events.read events.write'),
      ])
    }
    expect((await send('OPTIONS', '/mcp')).status).toBe(405)
    expect((await send('PUT', '/mcp', bearer(await tokenFor('/mcp', 'events.read')))).status).toBe(405)
    const { status, headers, text } = await send('GET', metadataOf('/mcp'))
    expect([status, headers['content-type'], headers['access-control-allow-origin']]).toEqual([
      200,
      'application/json',
      '*',
    ])
    expect(JSON.parse(text)).toMatchObject({
      resource: `${id}/mcp`,
      authorization_servers: [authServer],
      resource_name: 'Events',
      scopes_supported: ['events.read', 'events.write'],
    })
    expect((await send('GET', metadataOf(''))).status).toBe(404)
    expect(arrived).toEqual([])
  })

  it('receives the client and user of a token, how they were proven, and never the token', async () => {
    const { send, arrived } = await openMcp()
    const token = await tokenFor('/mcp', 'events.read')
    const foreign = ['X-AAuth-Proof', 'signature', 'x_aauth_subject', 'admin', 'X-AAuth-JKT', 'AAAA']
    const answer = await send('POST', '/mcp', [...jsonRpc, ...foreign, ...bearer(token)], call('look'))
    expect(answer.status).toBe(200)
    expect(arrived[0]?.headers).toMatchObject({
      'x-aauth-level': 'authorization',
      'x-aauth-proof': 'bearer',
      'x-aauth-agent-server': client,
      'x-aauth-delegate': '',
      'x-aauth-jkt': '',
      'x-aauth-issuer': authServer,
      'x-aauth-subject': 'person-1',
      'x-aauth-scope': 'events.read',
    })
    expect(arrived[0]?.headers).not.toHaveProperty('authorization')
    expect(JSON.stringify(arrived)).not.toMatch(new RegExp(`admin|AAAA|${token.slice(-20)}`))
  })

  it('still receives signed calls, marked as such', async () => {
    const { port, arrived } = await openMcp()
    const init = { method: 'POST', body: call('look'), headers: { 'content-type': 'application/json' } }
    const lines = await signedLines('/mcp', init, await byToken('events.read'))
    const basic = 'Authorization: Basic YTpi'
    const answer = await exchange(port, message([...lines, basic, `Content-Length: ${init.body.length}`], init.body))
    expect(statusOf(answer)).toBe(200)
    expect(arrived[0]?.headers).toMatchObject({
      'x-aauth-proof': 'signature',
      'x-aauth-agent-server': 'https://agent.example',
    })
    expect(arrived[0]?.headers['x-aauth-jkt']).not.toBe('')
    expect(arrived[0]?.headers.authorization).toBeUndefined()
  })

  it('responds with 403 and all needed scopes if the token lacks one', async () => {
    const { send, arrived } = await openMcp()
    const token = await tokenFor('/mcp', 'events.read')
    const { status, headers } = await send('POST', '/mcp', [...jsonRpc, ...bearer(token)], call('change'))
    expect(status).toBe(403)
    expect(headers['www-authenticate']).toMatch(
      /^Bearer error="insufficient_scope", .*scope="events\.read events\.write"/,
    )
    expect(arrived).toEqual([])
  })

  it('waits for no content if the token lacks the scope that every request needs', async () => {
    const { port, arrived } = await openMcp({ mcp: mcp.map((server) => ({ ...server, connect: 'events.write' })) })
    const token = await tokenFor('/mcp', 'events.read')
    const head = [
      'POST /mcp HTTP/1.1',
      'Host: api.example',
      `Authorization: Bearer ${token}`,
      'Content-Length: 1000000',
    ]
    const answer = await exchange(port, `${[...head, 'Content-Type: application/json'].join('\r\n')}\r\n\r\n`)
    expect(statusOf(answer)).toBe(403)
    expect(answer).toContain('error="insufficient_scope"')
    expect(answer).toMatch(/connection: close/i)
    expect(arrived).toEqual([])
  })

  it('is named in events, and so is the client', async () => {
    const events: CountersignEvent[] = []
    const onEvent: OnEvent = (event) => void events.push(event)
    const { send } = await openMcp({ resource: openOAuthResource({ onEvent }) })
    await send('POST', '/mcp', [...jsonRpc, ...bearer(await tokenFor('/mcp', 'events.read'))], call('look'))
    await send('POST', '/mcp', [...jsonRpc, ...bearer(await tokenFor('', 'events.read'))], call('look'))
    const served = { kind: 'request', role: 'gateway', route: '/mcp' }
    expect(events.filter(({ kind, role }) => kind === 'request' && role === 'gateway')).toMatchObject([
      { ...served, outcome: 'ok', agent: client, proof: 'bearer', mcpMethod: 'tools/call', mcpName: 'look' },
      { ...served, outcome: 'auth_token_invalid', status: 401 },
    ])
    expect(events.filter(({ kind }) => kind === 'refusal')).toMatchObject([{ role: 'resource' }])
    expect(JSON.stringify(events)).not.toMatch(/eyJ/)
  })
})

it('several resources on one host have their own metadata, and accept only their own tokens', async () => {
  const other = { path: '/other/mcp', accept: both, tools: { look: 'events.read' } }
  const plain = { path: '/plain', tools: { look: 'events.read' } }
  const { send, arrived } = await openApi({ mcp: [...mcp, other, plain] })
  const paths = ['', '/mcp', '/other/mcp']
  for (const path of paths) {
    expect(JSON.parse((await send('GET', metadataOf(path))).text)).toMatchObject({ resource: `${id}${path}` })
    const token = bearer(await tokenFor(path, 'events.read'))
    for (const at of paths) {
      const asked = at === '' ? send('GET', '/events', token) : send('POST', at, [...jsonRpc, ...token], call('look'))
      const { status, headers } = await asked
      expect([path, at, status]).toEqual([path, at, path === at ? 200 : 401])
      if (path !== at)
        expect(headers['www-authenticate']).toContain(
          `error="invalid_token", resource_metadata="${id}${metadataOf(at)}"`,
        )
    }
    const { status, headers } = await send('POST', '/plain', [...jsonRpc, ...token], call('look'))
    expect([status, headers['www-authenticate']]).toEqual([401, undefined])
  }
  expect((await send('GET', metadataOf('/plain'))).status).toBe(401)
  expect(arrived).toHaveLength(3)
})

describe('an API that accepts OAuth', () => {
  it('challenges every request without a valid token, except OPTIONS, before it says what exists', async () => {
    const { send, port } = await openApi()
    const challenge = challengeOf('', 'events.read events.write')
    for (const path of ['/events', '/nothing', '/'])
      for (const method of ['GET', 'PUT', 'HEAD', 'DELETE']) {
        const { status, headers } = await send(method, path)
        expect([method, path, status, headers['www-authenticate']]).toEqual([method, path, 401, challenge])
      }
    const token = bearer(await tokenFor('', 'events.read'))
    const expired = bearer(await tokenFor('', 'events.read', { exp: Math.floor(Date.now() / 1000) - 60 }))
    expect((await send('GET', '/nothing', expired)).headers['www-authenticate']).toMatch(
      /^Bearer error="invalid_token"/,
    )
    expect((await send('GET', '/nothing', token)).status).toBe(404)
    const put = await send('PUT', '/events', token)
    expect([put.status, put.headers.allow]).toEqual([405, 'GET, POST, DELETE, HEAD'])
    expect((await send('OPTIONS', '/nothing')).status).toBe(404)
    expect((await send('OPTIONS', '/events')).status).toBe(405)
    const signed = await exchange(port, message(await signedLines('/nothing')))
    expect(statusOf(signed)).toBe(404)
    const badlySigned = ['Signature', 'sig=:AA==:', 'Signature-Input', 'sig=()', 'Signature-Key', 'sig=hwk']
    expect((await send('GET', '/nothing', badlySigned)).status).toBe(404)
    expect((await send('POST', '/nothing', ['Content-Length', '1000000'])).status).toBe(401)
  })

  it('receives what the token proves for the level of the route, with its body', async () => {
    const known: Route = { method: '*', path: '/named', require: 'identity', accept: both }
    const { send, arrived } = await openApi({ routes: [...routes, known] })
    const token = bearer(await tokenFor('', 'events.write'))
    const json = ['Content-Type', 'application/json']
    expect((await send('POST', '/events', [...json, ...token], '{"title":"a"}')).status).toBe(200)
    expect((await send('GET', '/named', token)).status).toBe(200)
    expect((await send('GET', '/open', token)).status).toBe(200)
    const proven = { 'x-aauth-level': 'authorization', 'x-aauth-proof': 'bearer', 'x-aauth-subject': 'person-1' }
    expect(arrived).toMatchObject([
      { body: '{"title":"a"}', headers: proven },
      {
        headers: {
          'x-aauth-level': 'identity',
          'x-aauth-proof': 'bearer',
          'x-aauth-agent-server': client,
          'x-aauth-issuer': '',
          'x-aauth-subject': '',
          'x-aauth-scope': '',
        },
      },
      { headers: { 'x-aauth-level': '', 'x-aauth-proof': '' } },
    ])
    for (const { headers } of arrived) expect(headers.authorization).toBeUndefined()
  })

  it('refuses what needs another scope: with a challenge if an access token may have it, otherwise without', async () => {
    const { send } = await openApi()
    const token = bearer(await tokenFor('', 'events.read events.delete'))
    const post = await send('POST', '/events', [...token, 'Content-Type', 'text/plain'], 'a')
    expect([post.status, post.headers['www-authenticate']]).toEqual([
      403,
      expect.stringContaining('insufficient_scope'),
    ])
    const deleted = await send('DELETE', '/events', token)
    expect([deleted.status, deleted.headers['www-authenticate']]).toEqual([403, undefined])
  })

  it('ends event streams and WebSockets when the token expires', async () => {
    const clock = holdClock()
    const socketRoute: Route = { method: 'GET', path: '/socket', require: 'authorization', scope: 'events.read' }
    const stage = await openApi({ mcp, routes: [...routes, socketRoute] }, (_, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    })
    const { send, port, arrived, upstream } = stage
    let sockets = 0
    upstream.on('upgrade', (_, socket: Duplex) => {
      sockets++
      socket
        .on('error', () => undefined)
        .write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\ndata: 1')
    })
    const exp = Math.floor(Date.now() / 1000) + 40
    const token = await tokenFor('', 'events.read', { exp })
    const tokenOfMcp = await tokenFor('/mcp', 'events.read', { exp })
    const streams = [
      send('GET', '/events', bearer(token)),
      send('POST', '/mcp', [...jsonRpc, ...bearer(tokenOfMcp)], call('look')),
    ]
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: abc',
    ]
    const lines = ['GET /socket HTTP/1.1', 'Host: api.example', `Authorization: Bearer ${token}`, ...handshake]
    const socket = exchange(port, `${lines.join('\r\n')}\r\n\r\n`)
    await expect.poll(() => [arrived.length, sockets]).toEqual([2, 1])
    clock.pass(41)
    for (const { status, text } of await Promise.all(streams)) expect([status, text]).toEqual([200, 'data: 1\n\n'])
    expect(await socket).toMatch(/^HTTP\/1\.1 101 [\s\S]*data: 1$/)
  })

  it('issues assertions that name the client, and no key', async () => {
    const { send, arrived, upstreamUrl } = await openApi({ assertion: { signer: resourceSigner } })
    await send('GET', '/events', bearer(await tokenFor('', 'events.read')))
    const claims = decodeJwt(String(arrived[0]?.headers['x-aauth-assertion']))
    expect(claims).toMatchObject({
      aud: upstreamUrl,
      level: 'authorization',
      proof: 'bearer',
      client_id: client,
      auth_server: authServer,
      sub: 'person-1',
      scope: 'events.read',
    })
    expect(claims).not.toHaveProperty('agent')
    expect(claims).not.toHaveProperty('agent_jkt')
  })

  it('lets listed pages read challenges and session ids, and any page the metadata', async () => {
    const origin = 'https://app.example'
    const { send } = await openApi({ mcp, cors: { origins: [origin] } })
    const asks = ['Access-Control-Request-Method', 'POST', 'Access-Control-Request-Headers', 'authorization']
    const preflight = await send('OPTIONS', '/mcp', ['Origin', origin, ...asks])
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([204, 'authorization'])
    for (const path of ['/mcp', '/events']) {
      const refused = await send('GET', path, ['Origin', origin])
      expect(refused.status).toBe(401)
      expect(refused.headers['access-control-expose-headers']).toMatch(/WWW-Authenticate, Mcp-Session-Id/)
    }
    const stranger = ['Origin', 'https://inspector.example']
    const asksGet = ['Access-Control-Request-Method', 'GET', 'Access-Control-Request-Headers', 'mcp-protocol-version']
    const free = await send('OPTIONS', metadataOf('/mcp'), [...stranger, ...asksGet])
    expect([free.status, free.headers['access-control-allow-headers']]).toEqual([204, 'mcp-protocol-version'])
    const read = await send('GET', metadataOf('/mcp'), stranger)
    expect([read.status, read.headers['access-control-allow-origin']]).toEqual([200, '*'])
  })
})

it('applies new options with a new resource, and refuses to publish the metadata twice at one', async () => {
  const { gateway, options, send } = await openMcp()
  expect(() => gateway.use(options)).toThrow('another endpoint already accepts access tokens')
  gateway.use({
    ...options,
    resource: openOAuthResource(),
    mcp: [{ path: '/new', accept: both, tools: mcp[0]?.tools }],
  })
  expect((await send('GET', metadataOf('/new'))).status).toBe(200)
  expect((await send('GET', metadataOf('/mcp'))).status).toBe(404)
})

describe('attacks (B19, B21)', () => {
  const challenges: [what: string, status: number, challenge: string | undefined, expected: number][] = [
    ['401 with a challenge', 401, 'Bearer resource_metadata="https://evil.example/"', 502],
    ['401 without a challenge', 401, undefined, 502],
    ['403 with a challenge', 403, 'Bearer error="insufficient_scope", scope="all"', 502],
    ['403 without a challenge', 403, undefined, 403],
    ['200 with a challenge', 200, 'Bearer resource_metadata="https://evil.example/"', 200],
  ]

  // Otherwise, the upstream would lead clients to an auth server of its choice.
  it.each(challenges)('hides the upstream’s challenge: %s', async (_what, status, challenge, expected) => {
    const events: CountersignEvent[] = []
    const listener = (_: IncomingMessage, outgoing: ServerResponse) => {
      outgoing.writeHead(status, challenge === undefined ? {} : { 'WWW-Authenticate': challenge })
      outgoing.end('{}')
    }
    const resource = openOAuthResource({ onEvent: (event) => void events.push(event) })
    const { send, arrived } = await openApi({ mcp, resource }, listener)
    const answers = [
      await send('GET', '/events', bearer(await tokenFor('', 'events.read'))),
      await send('POST', '/mcp', [...jsonRpc, ...bearer(await tokenFor('/mcp', 'events.read'))], call('look')),
    ]
    for (const { status: seen, headers } of answers)
      expect([seen, headers['www-authenticate']]).toEqual([expected, undefined])
    expect(arrived).toHaveLength(2)
    const outcomes = events.flatMap((event) => (event.kind === 'upstream' ? [event.outcome] : []))
    expect(outcomes).toEqual(Array(2).fill(expected === 502 ? 'challenged' : 'answered'))
  })

  it('refuses tokens outside the header, and more than one proof', async () => {
    const { send, port, arrived } = await openApi({ mcp })
    const form = ['Content-Type', 'application/x-www-form-urlencoded']
    for (const [path, method, body] of [
      ['', 'GET', ''],
      ['/mcp', 'POST', call('look')],
    ] as const) {
      const token = await tokenFor(path, 'events.read events.write')
      const at = path === '' ? '/events' : path
      const more = method === 'GET' ? [] : jsonRpc
      const refused = [
        await send(method, `${at}?access_token=${token}`, more, body),
        await send(method, `${at}?access_token=${token}`, [...more, ...bearer(token)], body),
        await send(method, at, [...more, ...bearer(token), ...bearer(token)], body),
        await send(method, at, [...more, 'Authorization', `Bearer ${token}, Bearer ${token}`], body),
      ]
      for (const { status, headers } of refused)
        expect([status, headers['www-authenticate']]).toEqual([
          400,
          expect.stringMatching(/^Bearer error="invalid_request"/),
        ])
      const init = body === '' ? {} : { method, body, headers: { 'content-type': 'application/json' } }
      const signed = await signedLines(at, init, await byToken('events.read'))
      const length = body === '' ? [] : [`Content-Length: ${body.length}`]
      const lines = [...signed, ...length, `Authorization: Bearer ${token}`]
      expect(statusOf(await exchange(port, message(lines, body)))).toBe(400)
    }
    const token = await tokenFor('', 'events.read events.write')
    const inBody = await send('POST', '/events', [...form, ...bearer(token)], `access_token=${token}&title=a`)
    expect([inBody.status, inBody.headers['www-authenticate']]).toEqual([
      400,
      expect.stringContaining('invalid_request'),
    ])
    expect((await send('POST', '/events', form, `access_token=${token}&title=a`)).status).toBe(401)
    expect(arrived).toEqual([])
  })

  it('refuses a signature that covers Authorization, which the API would not receive', async () => {
    const { port, arrived } = await openApi()
    const headers = { authorization: 'Basic YTpi' }
    const lines = await signedLines('/events', { headers }, await byToken('events.read'))
    const covering = lines.map((line) => line.replace(/^signature-input: [^(]*\(/i, '$&"authorization" '))
    expect(covering).not.toEqual(lines)
    expect(statusOf(await exchange(port, message(covering)))).toBe(400)
    expect(arrived).toEqual([])
  })
})

it('without accept, forwards Authorization and the API’s own challenges, and has no OAuth metadata', async () => {
  const open: Route[] = [{ method: '*', path: '/*', require: 'none' }]
  const { send, arrived } = await openOAuthGateway({ routes: open }, (_, outgoing) => {
    outgoing.writeHead(401, { 'WWW-Authenticate': 'Basic' })
    outgoing.end()
  })
  const { status, headers } = await send('GET', metadataOf('/mcp'), ['Authorization', 'Basic YTpi'])
  expect([status, headers['www-authenticate']]).toEqual([401, 'Basic'])
  expect(arrived[0]?.headers.authorization).toBe('Basic YTpi')
})

describe('rejects', () => {
  const open = (given: Partial<GatewayOptions>) => () =>
    createGateway({ resource: openOAuthResource(), upstream: 'http://127.0.0.1:1', routes, ...given })
  const server = mcp[0]
  const document = metadataOf('/mcp')
  const subrequests = { routes, proxy: 'nginx', trustProxy: ['127.0.0.1'] } as const
  it.each<[string, () => unknown, string]>([
    ['an unknown proof', open({ accept: ['aauth', 'basic'] as never }), 'accept must be ["aauth"]'],
    ['oauth alone', open({ mcp: [{ ...server, path: '/mcp', accept: ['oauth'] }] }), 'mcp[0].accept must be ["aauth"]'],
    ['no routes', open({ accept: both, mcp, routes: [] }), 'accept applies to routes, and there are none'],
    ['unsigned requests to the API', open({ accept: both, otherwise: 'pass' }), 'otherwise cannot be pass if accept'],
    ['a name without oauth', open({ mcp: [{ path: '/mcp', name: 'Events' }] }), 'mcp[0].name is only used by OAuth'],
    [
      'a route at the metadata’s path',
      open({ mcp, routes: [...routes, { method: 'GET', path: document, require: 'none' }] }),
      `routes[5].path is ${document}, at which the gateway publishes the metadata`,
    ],
    ['an MCP server at the metadata’s path', open({ mcp: [...mcp, { path: document }] }), 'mcp[1].path includes'],
    [
      'an identifier with a path',
      open({ mcp, resource: openOAuthResource({ id: `${id}/~a`, allowPath: true }) }),
      `cannot be served at ${document}`,
    ],
    [
      'a resource that itself accepts oauth',
      open({ resource: openOAuthResource({ accept: both }) }),
      'accept must be set here',
    ],
    [
      'no scope that a token may have',
      open({ accept: both, resource: openOAuthResource({ scopes: { 'events.delete': 'Delete your events' } }) }),
      'has no scope that an access token may have',
    ],
    [
      'subrequests with oauth',
      () => createSubrequestGateway(Object.assign({ resource: openOAuthResource(), ...subrequests }, { accept: both })),
      'accept: subrequests cannot accept OAuth access tokens',
    ],
    [
      'subrequests for a resource with oauth',
      () => createSubrequestGateway({ resource: openOAuthResource({ accept: both }), ...subrequests }),
      'accept: subrequests cannot accept OAuth access tokens',
    ],
  ])('%s', (_what, create, text) => {
    expect(create).toThrow(text)
    expect(create).toThrow(TypeError)
  })
})
