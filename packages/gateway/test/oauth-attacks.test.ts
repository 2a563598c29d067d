import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createGateway, createSubrequestGateway, type GatewayOptions, type Route } from 'countersign-gateway'
import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { byToken, listenWith, resourceSigner } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, signedLines, statusOf } from './gateway-stage.js'
import { bearer, both, client, openOAuthGateway, openOAuthResource, tokenFor } from './oauth-stage.js'

const mcp = [{ path: '/mcp', accept: both, tools: { look: 'events.read' } }]
const metadata = '/.well-known/oauth-protected-resource/mcp'
const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
const jsonRpc = ['Content-Type', 'application/json', 'Accept', 'application/json, text/event-stream']
const form = ['Content-Type', 'application/x-www-form-urlencoded']
const respond = (_: IncomingMessage, outgoing: ServerResponse) => {
  outgoing.setHeader('content-type', 'application/json')
  outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: [] } }))
}

describe('a gateway in which only an MCP server accepts OAuth (B19)', () => {
  const around: Route[] = [
    { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' },
    { method: '*', path: '/*', require: 'none', fallback: true },
  ]
  const open = (given: Partial<GatewayOptions> = {}, listener = respond) =>
    openOAuthGateway(
      { routes: around, mcp: [...mcp, { path: '/plain', tools: { look: 'events.read' } }], ...given },
      listener,
    )

  it('never forwards a bearer token on another path, in any form', async () => {
    const { send, port, arrived } = await open()
    const token = await tokenFor('/mcp', 'events.read')
    const forms = [`Bearer ${token}`, `bearer\t${token}`, `BEARER  ${token}`, `Basic YTpi, Bearer ${token}`]
    for (const value of forms) {
      const answer = await exchange(
        port,
        message(['GET /open HTTP/1.1', 'Host: api.example', `Authorization: ${value}`]),
      )
      expect(statusOf(answer)).toBe(200)
    }
    await send('GET', '/open', ['Authorization', 'Basic YTpi', ...bearer(token)])
    for (const [path, init] of [
      ['/events', {}],
      ['/plain', { method: 'POST', body: list, headers: { 'content-type': 'application/json' } }],
    ] as const) {
      const lines = await signedLines(path, init, await byToken('events.read'))
      const body = 'body' in init ? init.body : ''
      const length = body === '' ? [] : [`Content-Length: ${body.length}`]
      const answer = await exchange(port, message([...lines, ...length, `Authorization: Bearer ${token}`], body))
      expect([path, statusOf(answer)]).toEqual([path, 200])
    }
    expect(arrived).toHaveLength(7)
    expect(JSON.stringify(arrived)).not.toContain(token.slice(-20))
    expect(arrived.map(({ headers }) => headers.authorization)).toEqual([
      ...Array(4).fill(undefined),
      'Basic YTpi',
      undefined,
      undefined,
    ])
  })

  it('forwards no bearer token to the API’s own authentication, only other credentials', async () => {
    const { send, arrived } = await open({ otherwise: 'pass' })
    await send('GET', '/events', bearer(await tokenFor('/mcp', 'events.read')))
    await send('GET', '/events', ['Authorization', 'Basic YTpi'])
    expect(arrived.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Basic YTpi'])
  })

  it('refuses a signature that covers a token, which the API would not receive', async () => {
    const { port, arrived } = await open()
    for (const [value, expected] of [
      ['Bearer abc', 400],
      ['Basic YTpi', 401],
    ] as const) {
      const lines = await signedLines('/events', { headers: { authorization: value } }, await byToken('events.read'))
      const covering = lines.map((line) => line.replace(/^signature-input: [^(]*\(/i, '$&"authorization" '))
      expect([value, statusOf(await exchange(port, message(covering)))]).toEqual([value, expected])
    }
    expect(arrived).toEqual([])
  })

  it.each([300, 301, 302, 303, 307, 308])('turns a redirect of the MCP server into 502: %d', async (status) => {
    const { port, arrived } = await open({}, (incoming, outgoing) => {
      if (incoming.url === '/mcp') outgoing.writeHead(status, { location: '/open' })
      outgoing.end('{}')
    })
    const token = await tokenFor('/mcp', 'events.read')
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      body: list,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    })
    expect([response.status, response.redirected, response.headers.get('location')]).toEqual([502, false, null])
    expect(arrived.map(({ url }) => url)).toEqual(['/mcp'])
    expect(JSON.stringify(arrived)).not.toContain(token)
  })

  it('forwards redirects of an MCP server that does not accept OAuth', async () => {
    const { port } = await open({}, (_, outgoing) => {
      outgoing.writeHead(307, { location: '/open' }).end()
    })
    const init = { method: 'POST', body: list, headers: { 'content-type': 'application/json' } }
    const lines = await signedLines('/plain', init, await byToken('events.read'))
    const answer = await exchange(port, message([...lines, `Content-Length: ${list.length}`], list))
    expect(statusOf(answer)).toBe(307)
  })
})

it('publishes only the metadata of its current options, even for the same resource', async () => {
  const resource = openOAuthResource()
  const { send, gateway, options, arrived } = await openOAuthGateway({ resource, routes: undefined, mcp }, respond)
  expect((await send('GET', metadata)).status).toBe(200)
  gateway.use({ ...options, mcp: [{ path: '/mcp', tools: { look: 'events.read' } }] })
  expect((await send('GET', metadata)).status).toBe(404)
  gateway.use({ ...options, mcp: [{ path: '/new', accept: both, tools: { look: 'events.read' } }] })
  expect([(await send('GET', metadata)).status, (await send('GET', metadata.replace('mcp', 'new'))).status]).toEqual([
    404, 200,
  ])
  expect(arrived).toEqual([])
  const routes: Route[] = [{ method: 'GET', path: '/events', require: 'identity' }]
  const trustProxy = ['127.0.0.1']
  const subrequests = createSubrequestGateway({ resource, routes, proxy: 'nginx', trustProxy })
  const response = await fetch(`http://127.0.0.1:${await listenWith(subrequests.server)}${metadata}`)
  expect(response.status).toBe(404)
})

it('removes the API’s challenge from a WebSocket handshake (B19)', async () => {
  const upstream = createServer()
  upstream.on('upgrade', (_, socket) => {
    const challenge = 'WWW-Authenticate: Bearer resource_metadata="https://evil.example/x"'
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${challenge}\r\n\r\n`)
  })
  const socket: Route = { method: 'GET', path: '/socket', require: 'authorization', scope: 'events.read' }
  const url = `http://127.0.0.1:${await listenWith(upstream)}`
  const { port } = await openOAuthGateway({ accept: both, upstream: url, routes: [socket] })
  const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: abc']
  const token = `Authorization: Bearer ${await tokenFor('', 'events.read')}`
  const lines = ['GET /socket HTTP/1.1', 'Host: api.example', token, ...handshake]
  const answer = await exchange(port, `${lines.join('\r\n')}\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 101 /)
  expect(answer).not.toMatch(/authenticate/i)
})

describe('names that frameworks read as access_token (B21)', () => {
  const routes: Route[] = [
    { method: '*', path: '/events', require: 'authorization', scope: 'events.write' },
    { method: '*', path: '/open', require: 'none' },
  ]
  const names = [
    'access_token',
    'access.token',
    'access+token',
    'access%20token',
    'access_token[]',
    'access_token[0]',
    'access[token',
    '%20access_token',
    'access_token%00',
    'access%00token',
    'Access_Token',
    'access%5Ftoken',
    'access%255Ftoken',
    'a=1;access_token',
    'a=1&access_token',
  ]

  it.each(names)('refuses %s in the query and in a form, with a token or a signature', async (name) => {
    const { send, port, arrived } = await openOAuthGateway({ accept: both, routes, mcp }, respond)
    const token = bearer(await tokenFor('', 'events.write'))
    const body = `${name}=t`
    const signedForm = { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    const byWriter = await byToken('events.write')
    const lines = [...(await signedLines('/events', signedForm, byWriter)), `Content-Length: ${body.length}`]
    const signedQuery = await signedLines(`/events?${body}`, {}, byWriter)
    const statuses = [
      (await send('GET', `/events?${body}`, token)).status,
      (await send('POST', '/events', [...form, ...token], body)).status,
      (await send('GET', `/open?${body}`, token)).status,
      (await send('POST', '/open', form, body)).status,
      (await send('POST', `/mcp?${body}`, [...jsonRpc, ...bearer(await tokenFor('/mcp', 'events.read'))], list)).status,
      statusOf(await exchange(port, message(lines, body))),
      statusOf(await exchange(port, message(signedQuery))),
    ]
    expect(statuses).toEqual(Array(7).fill(400))
    expect(arrived).toEqual([])
  })

  it.each(['access_tokens', 'access_token_type', 'my_access_token', 'accesstoken', 'token', 'access'])(
    'accepts %s',
    async (name) => {
      const { send } = await openOAuthGateway({ accept: both, routes }, respond)
      const token = bearer(await tokenFor('', 'events.write'))
      expect((await send('GET', `/events?${name}=t`, token)).status).toBe(200)
      expect((await send('POST', '/events', [...form, ...token], `${name}=t`)).status).toBe(200)
    },
  )

  it('accepts these names if the gateway does not accept OAuth for routes', async () => {
    const { send } = await openOAuthGateway({ routes, mcp }, respond)
    expect((await send('GET', '/open?access_token=t')).status).toBe(200)
    expect((await send('POST', '/open', form, 'access_token=t')).status).toBe(200)
  })
})

describe('a token at a route that requires only a signature or an identity (B24)', () => {
  const read: Route = { method: 'GET', path: '/events', require: 'authorization', scope: 'events.read' }
  const levels = ['signature', 'identity'] as const
  const open = (routes: Route[], given: Partial<GatewayOptions> = {}) =>
    openOAuthGateway({ accept: both, routes: [read, ...routes], ...given }, respond)

  it.each(levels)('is refused by default, without an OAuth challenge: %s', async (require) => {
    const { send, port, arrived } = await open([{ method: 'POST', path: '/events', require }])
    for (const scope of ['events.read', 'events.write', 'unrelated', ''])
      for (const lines of [[], bearer(await tokenFor('', scope))]) {
        const { status, headers } = await send('POST', '/events', lines)
        expect([scope, status, headers['www-authenticate']]).toEqual([scope, 401, undefined])
        expect(headers['agent-auth']).toMatch(/^httpsig/)
      }
    expect(arrived).toEqual([])
    const lines = await signedLines('/events', { method: 'POST' }, await byToken('events.read'))
    expect(statusOf(await exchange(port, message([...lines, 'Content-Length: 0'])))).toBe(200)
    expect(arrived[0]?.headers).toMatchObject({ 'x-aauth-level': require, 'x-aauth-subject': '' })
  })

  it.each(levels)('is accepted if the route accepts OAuth, without the user: %s', async (require) => {
    const { send, arrived } = await open([{ method: 'POST', path: '/events', require, accept: both }], {
      assertion: { signer: resourceSigner },
    })
    expect((await send('POST', '/events', bearer(await tokenFor('', 'unrelated')))).status).toBe(200)
    expect(arrived[0]?.headers).toMatchObject({
      'x-aauth-level': require,
      'x-aauth-proof': 'bearer',
      'x-aauth-agent-server': client,
      'x-aauth-issuer': '',
      'x-aauth-subject': '',
      'x-aauth-scope': '',
    })
    const claims = decodeJwt(String(arrived[0]?.headers['x-aauth-assertion']))
    expect(claims).toMatchObject({ level: require, proof: 'bearer', client_id: client })
    for (const name of ['sub', 'auth_server', 'scope']) expect(claims).not.toHaveProperty(name)
    const { status, headers } = await send('POST', '/events')
    expect([status, headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^Bearer /)])
  })

  it('is refused where a user’s authorization is required, if the route accepts only signatures', async () => {
    const { send, port, arrived } = await open([{ ...read, path: '/signed', accept: ['aauth'] }])
    const { status, headers } = await send('GET', '/signed', bearer(await tokenFor('', 'events.read')))
    expect([status, headers['www-authenticate']]).toEqual([401, undefined])
    expect(arrived).toEqual([])
    const lines = await signedLines('/signed', {}, await byToken('events.read'))
    expect(statusOf(await exchange(port, message(lines)))).toBe(200)
  })

  it('is refused under another spelling of the path, and by GET for HEAD', async () => {
    const identity: Route = { method: '*', path: '/admin', require: 'identity' }
    const head: Route = { ...read, method: 'HEAD', path: '/admin' }
    const around: Route = { ...read, path: '/*', fallback: true }
    const { send, arrived } = await open([identity, head, around])
    const token = bearer(await tokenFor('', 'events.read'))
    for (const path of ['/Admin', '/admin/', '/admin.json', '/admin%20'])
      expect([path, (await send('GET', path, token)).status]).toEqual([path, 400])
    expect((await send('HEAD', '/admin', token)).status).toBe(401)
    expect(arrived).toEqual([])
    expect((await send('GET', '/other', token)).status).toBe(200)
  })
})

// G40
it('accepts a content coding only if the signature that was verified covers it', async () => {
  const routes: Route[] = [{ method: 'POST', path: '/events', require: 'identity', accept: both }]
  const { port, arrived } = await openOAuthGateway({ accept: both, routes })
  const other = [
    'Signature: x=:AAAA:',
    'Signature-Input: x=("content-encoding");created=1;keyid="a";tag="web-bot-auth"',
  ]
  const unsigned = ['POST /events HTTP/1.1', 'Host: api.example']
  const withToken = [...unsigned, `Authorization: Bearer ${await tokenFor('', 'events.read')}`]
  const signed = await signedLines('/events', { method: 'POST' })
  const status = async (...lines: string[]) => statusOf(await exchange(port, message(lines)))
  const coded = 'Content-Encoding: gzip'
  expect(await status(...withToken, coded)).toBe(415)
  expect(await status(...withToken, ...other, coded)).toBe(415)
  expect(await status(...signed, coded)).toBe(415)
  expect(await status(...signed, ...other, coded), 'two signatures').toBe(401)
  expect(arrived).toEqual([])
  expect(await status(...withToken, ...other)).toBe(200)
  expect(await status(...signed)).toBe(200)
})

describe('rejects', () => {
  const identity: Route = { method: 'POST', path: '/a', require: 'identity' }
  const wide: Route = { method: '*', path: '/*', require: 'authorization', scope: 'events.read' }
  const create = (routes: Route[], accept?: typeof both) => () =>
    createGateway({ resource: openOAuthResource(), upstream: 'http://127.0.0.1:1', routes, accept })
  it.each<[string, () => unknown, string]>([
    [
      'a route that accepts OAuth in a gateway that does not',
      create([{ ...identity, accept: both }]),
      'routes[0].accept includes oauth, but accept of the gateway does not',
    ],
    [
      'a proof where none is required',
      create([{ ...identity, require: 'none', accept: both }, wide], both),
      'routes[0].accept has no effect',
    ],
    [
      'an unknown proof',
      create([{ ...identity, accept: ['oauth'] }], both),
      'routes[0].accept must be ["aauth"], or ["aauth", "oauth"]',
    ],
    [
      'two routes for the same requests with different proofs',
      create([identity, { ...identity, accept: both }], both),
      'routes[1] contradicts routes[0]',
    ],
    [
      'a wide route that accepts OAuth around one that does not',
      create([identity, wide], both),
      'routes[1] is * /*, which accepts OAuth, unlike POST /a of routes[0]',
    ],
  ])('%s', (_what, start, text) => {
    expect(start).toThrow(text)
    expect(start).toThrow(TypeError)
  })

  it('neither equal routes nor a wide route that accepts only signatures', () => {
    expect(create([identity, { ...wide, accept: ['aauth'] }], both)).not.toThrow()
    expect(create([identity, wide])).not.toThrow()
    expect(create([{ ...identity, accept: both }, wide], both)).not.toThrow()
  })
})
