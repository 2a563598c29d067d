import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { january } from 'countersign/editions'
import { verifyToken } from 'countersign/tokens'
import { createGateway } from 'countersign-gateway'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  agent,
  byToken,
  id,
  json,
  listenWith,
  openResource,
  resourceSigner,
} from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, routes, signedLines, statusOf } from './gateway-stage.js'

const identity = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.replaceAll(/[^a-z]/g, '').includes('aauth')))

const empty = {
  'x-aauth-level': '',
  'x-aauth-proof': '',
  'x-aauth-agent-server': '',
  'x-aauth-delegate': '',
  'x-aauth-jkt': '',
  'x-aauth-issuer': '',
  'x-aauth-subject': '',
  'x-aauth-scope': '',
}

// G33
describe('a document of the resource', () => {
  const open = { method: '*', path: '/*', require: 'none' } as const

  it.each(
    `/JWKS.json /jwks.json/ /jwks.json;x /jwks.json.xml /jwks.json%20 /Resource/Token /resource/token/ /resource/token.json /.well-known/AAuth-Resource /.well-known/aauth-resource.json /%EF%BC%AAwks.json`.split(
      ' ',
    ),
  )('is not served by the API as %s', async (path) => {
    for (const otherwise of ['refuse', 'pass'] as const) {
      const { port, arrived } = await openGateway({ routes: [open], otherwise })
      for (const method of ['GET', 'POST'])
        expect(statusOf(await exchange(port, message([`${method} ${path} HTTP/1.1`, 'Host: api.example'])))).toBe(404)
      expect(arrived).toEqual([])
    }
  })

  it.each(['/jwks.json', '/resource/token', '/.well-known/aauth-resource'])(
    'is not served by the API for a WebSocket request to %s',
    async (path) => {
      const { port, arrived } = await openGateway({ routes: [open] })
      const handshake = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAA',
      ]
      const lines = [`GET ${path}?a HTTP/1.1`, 'Host: api.example', ...handshake]
      expect(statusOf(await exchange(port, `${lines.join('\r\n')}\r\n\r\n`))).toBe(404)
      expect(arrived).toEqual([])
    },
  )

  it('leaves other paths to the API', async () => {
    const { port, arrived } = await openGateway({ routes: [open] })
    for (const path of ['/jwksx', '/jwks-x.json', '/resource/token/7', '/resource/tokens', '/resource'])
      expect(statusOf(await exchange(port, message([`GET ${path} HTTP/1.1`, 'Host: api.example'])))).toBe(200)
    expect(arrived).toHaveLength(5)
  })
})

describe('the request to the upstream', () => {
  it('contains the caller’s identity, the raw target, and the other headers unchanged', async () => {
    const { port, arrived } = await openGateway()
    const lines = await signedLines('/events?b=%7B&a=1', undefined, await byToken('events.read'))
    const answer = await exchange(
      port,
      message([
        ...lines,
        'Authorization: Basic eDp5',
        'Cookie: a=1',
        'X-Twice: 1',
        'x-twice: 2',
        'Proxy-Connection: x',
      ]),
    )
    expect(statusOf(answer)).toBe(200)
    expect(arrived).toHaveLength(1)
    expect(arrived[0]).toMatchObject({ method: 'GET', url: '/events?b=%7B&a=1', body: '' })
    expect(arrived[0]?.headers).toMatchObject({
      authorization: 'Basic eDp5',
      cookie: 'a=1',
      'x-twice': '1, 2',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'api.example',
      'x-forwarded-proto': 'https',
      'x-aauth-level': 'authorization',
      'x-aauth-proof': 'signature',
      'x-aauth-agent-server': agent,
      'x-aauth-delegate': '',
      'x-aauth-issuer': 'https://auth.example',
      'x-aauth-subject': 'person-1',
      'x-aauth-scope': 'events.read',
    })
    expect(arrived[0]?.headers.host).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(arrived[0]?.headers).not.toHaveProperty('proxy-connection')
    expect(answer).toMatch(/cache-control: private, no-store/i)
    expect(answer).toMatch(/vary: Signature-Key/i)
  })

  // G01
  it.each([
    'X-AAuth-Subject: admin',
    'X_AAuth_Subject: admin',
    'x-aauth_scope: all',
    'X.AAuth.Subject: admin',
    'x~aauth~subject: admin',
    'X-AAUTH-Anything-New: admin',
    '_X-AAuth-Subject: admin',
    'X-Forwarded-For: 10.0.0.1',
    'X_Forwarded_For: 10.0.0.1',
    'Forwarded: for=10.0.0.1',
    'X-Real-IP: 10.0.0.1',
    'X-Forwarded-Host: evil.example',
    'Client-IP: 10.0.0.1',
    'X-Client-IP: 10.0.0.1',
    'X-Originating-IP: 10.0.0.1',
    'X-Remote-IP: 10.0.0.1',
    'X-Remote-Addr: 10.0.0.1',
    'X-ProxyUser-Ip: 10.0.0.1',
    'WL-Proxy-Client-IP: 10.0.0.1',
    'CF-Connecting-IPv6: 10.0.0.1',
    'X-Client: 10.0.0.1',
    'X-Host: evil.example',
    'Proxy: http://evil.example',
    'Remote_User: admin',
    'X.Request.Id: admin',
    'X~Y: admin',
  ])('does not contain an identity header from the client: %s', async (line) => {
    const { port, arrived } = await openGateway()
    const lines = await signedLines('/signed')
    await exchange(port, message([...lines, line]))
    expect(arrived).toHaveLength(1)
    const { 'x-aauth-jkt': thumbprint, ...others } = identity(arrived[0]?.headers ?? {})
    expect(thumbprint).toMatch(/^[\w-]{43}$/)
    const { 'x-aauth-jkt': _, ...unidentified } = empty
    const proven = { 'x-aauth-level': 'signature', 'x-aauth-proof': 'signature', 'x-aauth-agent-server': agent }
    expect(others).toEqual({ ...unidentified, ...proven })
    expect(JSON.stringify(arrived[0]?.rawHeaders)).not.toMatch(/admin|10\.0\.0\.1|evil/)
  })

  // G01
  it('does not contain trailers from the client', async () => {
    const { port, arrived } = await openGateway()
    const lines = await signedLines('/events', json({ a: 1 }))
    const chunked = lines.filter((line) => !line.startsWith('content-length'))
    const body = '7\r\n{"a":1}\r\n0\r\nX-AAuth-Scope: all\r\nX-HTTP-Method-Override: DELETE\r\n\r\n'
    const head = [...chunked, 'Transfer-Encoding: chunked', 'Trailer: X-AAuth-Scope']
    expect(statusOf(await exchange(port, message(head, body)))).toBe(200)
    expect(arrived[0]).toMatchObject({ body: '{"a":1}', trailers: {} })
    expect(arrived[0]?.headers).toMatchObject({ 'content-length': '7', 'x-aauth-scope': '' })
    expect(arrived[0]?.headers).not.toHaveProperty('trailer')
  })

  // G16
  it('with an assertion, carries the identity signed, for this request and this API only', async () => {
    const { port, arrived, upstreamUrl } = await openGateway({ assertion: { signer: resourceSigner } })
    const lines = await signedLines('/events?a=1', undefined, await byToken('events.read'))
    await exchange(port, message([...lines, 'X_AAuth_Assertion: forged']))
    const token = String(arrived[0]?.headers['x-aauth-assertion'])
    const keys = createLocalJWKSet({ keys: [resourceSigner.jwk as JWK] })
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer: id,
      audience: upstreamUrl,
    })
    expect(protectedHeader.typ).toBe('gateway-assertion+jwt')
    expect(payload).toMatchObject({
      level: 'authorization',
      agent,
      auth_server: 'https://auth.example',
      sub: 'person-1',
      scope: 'events.read',
      method: 'GET',
      target: '/events?a=1',
    })
    expect(payload.exp).toBeLessThanOrEqual(Date.now() / 1000 + 30)
    for (const type of [january.tokens.resource, january.tokens.auth, january.tokens.agent]) {
      const findKey = () => Promise.reject(new Error('a key was looked for'))
      await expect(verifyToken(type as never, token, { audience: upstreamUrl, findKey })).rejects.toThrow(/typ/)
    }
    await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', 'X-AAuth-Assertion: forged']))
    expect(arrived[1]?.headers['x-aauth-assertion']).toBe('')
  })

  // G05
  it('names no user and no scope at a level that requires none, whatever the client presents', async () => {
    const { port, arrived } = await openGateway()
    const lines = await signedLines('/signed', undefined, await byToken('events.read'))
    await exchange(port, message([...lines, 'X-AAuth-Scope: all', 'X-AAuth-Subject: admin']))
    expect(arrived[0]?.headers).toMatchObject({ 'x-aauth-subject': '', 'x-aauth-scope': '', 'x-aauth-issuer': '' })
  })

  it('is not sent if the client’s request is unsigned, insufficient for the route, or not listed', async () => {
    const { port, arrived } = await openGateway()
    const host = 'Host: api.example'
    expect(statusOf(await exchange(port, message(['GET /events HTTP/1.1', host])))).toBe(401)
    expect(statusOf(await exchange(port, message(await signedLines('/others'))))).toBe(404)
    expect(statusOf(await exchange(port, message(await signedLines('/events', { method: 'DELETE' }))))).toBe(405)
    const low = await exchange(port, message(await signedLines('/events')))
    expect(low).toMatch(/^HTTP\/1\.1 401[\s\S]*agent-auth: [\s\S]*resource_token=/i)
    const narrow = await signedLines('/events', undefined, await byToken('events.other'))
    expect(statusOf(await exchange(port, message(narrow)))).toBe(403)
    const over = (await signedLines('/events', json({}))).map((line) => line.replace('POST', 'PUT'))
    expect(statusOf(await exchange(port, message([...over, 'Content-Length: 2'], '{}')))).toBe(405)
    expect(arrived).toEqual([])
  })

  it('is sent without an identity for a route without a level, signed or not', async () => {
    const { port, arrived } = await openGateway()
    await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: api.example', 'X-AAuth-Subject: admin']))
    await exchange(port, message(await signedLines('/open/x', json({}))))
    expect(arrived.map(({ headers }) => identity(headers))).toEqual([empty, empty])
  })

  // G13
  it('with otherwise: pass, is also sent, without an identity, for a request without signature headers; a bad signature is rejected', async () => {
    const { port, arrived } = await openGateway({ otherwise: 'pass' })
    const head = ['POST /events HTTP/1.1', 'Host: api.example', 'Authorization: Bearer x', 'X-AAuth-Subject: admin']
    const body = [...head, 'Content-Length: 2', 'Content-Type: application/json']
    expect(statusOf(await exchange(port, message(body, '{}')))).toBe(200)
    expect(arrived[0]).toMatchObject({ body: '{}', headers: { authorization: 'Bearer x', ...empty } })
    const bad = (await signedLines('/events')).map((line) =>
      line.replace(/signature: sig1=:..../, 'signature: sig1=:AAAA'),
    )
    expect(statusOf(await exchange(port, message(bad)))).toBe(401)
    expect(statusOf(await exchange(port, message([...head.slice(0, 2), 'Signature-Key: ', 'Content-Length: 0'])))).toBe(
      401,
    )
    expect(arrived).toHaveLength(1)
  })

  it('with otherwise: pass, treats a tagged signature as unsigned; without it, the request is rejected as unsigned', async () => {
    const lines = async () =>
      (await signedLines('/events')).map((line) => line.replace(/^signature-input: .*/i, '$&;tag="web-bot-auth"'))
    const passing = await openGateway({ otherwise: 'pass' })
    expect(statusOf(await exchange(passing.port, message(await lines())))).toBe(200)
    expect(identity(passing.arrived[0]?.headers ?? {})).toEqual(empty)
    const refusing = await openGateway()
    const refusal = await exchange(refusing.port, message(await lines()))
    expect(statusOf(refusal)).toBe(401)
    expect(refusal).toMatch(/agent-auth: httpsig/i)
    expect(refusing.arrived).toEqual([])
  })

  it('is not sent for the documents of the resource, which the gateway serves', async () => {
    const { port, arrived } = await openGateway()
    const answer = await exchange(port, message(['GET /.well-known/aauth-resource HTTP/1.1', 'Host: api.example']))
    expect(answer).toMatch(/"resource":"https:\/\/api\.example"/)
    expect(arrived).toEqual([])
  })
})

// G11
describe('a body', () => {
  const upload = (body: string | Buffer, path = '/events') =>
    signedLines(path, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers: { 'content-type': 'text/plain' },
    })
  const spools = () => readdirSync(tmpdir()).filter((name) => name.startsWith('countersign-gateway-'))

  it('above 1 MiB is spooled, arrives complete, and leaves nothing behind', async () => {
    const { gateway, port, arrived } = await openGateway()
    const big = 'x'.repeat(3_000_000)
    const lines = await upload(big)
    expect(statusOf(await exchange(port, message([...lines, `Content-Length: ${big.length}`], big)))).toBe(200)
    expect(
      createHash('sha256')
        .update(arrived[0]?.body ?? '')
        .digest('hex'),
    ).toBe(createHash('sha256').update(big).digest('hex'))
    const before = spools().length
    gateway.close()
    expect(spools().length).toBeLessThan(Math.max(1, before))
  })

  it('that differs from the signed body is rejected, and the upstream receives nothing', async () => {
    const { port, arrived } = await openGateway()
    for (const size of [10, 2_000_000]) {
      const lines = await upload('x'.repeat(size))
      const other = `${'x'.repeat(size - 1)}y`
      expect(statusOf(await exchange(port, message([...lines, `Content-Length: ${size}`], other)))).toBe(401)
    }
    const unsigned = await signedLines('/events', { method: 'POST' })
    const type = ['Content-Type: text/plain', 'Content-Length: 1']
    expect(statusOf(await exchange(port, message([...unsigned, ...type], 'x')))).toBe(401)
    expect(statusOf(await exchange(port, message([...(await upload('x'))])))).toBe(401)
    expect(arrived).toEqual([])
  })

  it('above the limit of the gateway or the route is rejected, whether its length is announced or not', async () => {
    const { port, arrived } = await openGateway({ limits: { maxBody: 1000 } })
    const lines = await upload('x'.repeat(2000))
    expect(statusOf(await exchange(port, message([...lines, 'Content-Length: 104857600'])))).toBe(413)
    const chunk = `7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`
    expect(statusOf(await exchange(port, message([...lines, 'Transfer-Encoding: chunked'], chunk)))).toBe(413)
    const small = await upload('x'.repeat(20), '/small')
    expect(statusOf(await exchange(port, message([...small, 'Content-Length: 20'], 'x'.repeat(20))))).toBe(413)
    expect(arrived).toEqual([])
  })

  it('that is slow, stalls, or is cut off is rejected, and the upstream receives nothing', async () => {
    const { port, arrived } = await openGateway({ limits: { stallTimeout: 0.2, bodyTimeout: 1 } })
    const lines = await upload('x'.repeat(20))
    expect(statusOf(await exchange(port, message([...lines, 'Content-Length: 20'], 'x')))).toBe(408)
    expect(arrived).toEqual([])
  })

  it('is requested only after the head was verified', async () => {
    const { port, arrived } = await openGateway()
    const lines = await upload('hello')
    const expecting = ['Content-Length: 5', 'Expect: 100-continue']
    const bad = lines.map((line) => line.replace('POST /events', 'POST /small'))
    const refused = await exchange(port, message([...bad, ...expecting]))
    expect(refused).toMatch(/^HTTP\/1\.1 401/)
    const asked = await exchange(port, message([...lines, ...expecting]), /\r\n\r\n/)
    expect(asked).toMatch(/^HTTP\/1\.1 100 Continue/)
    const whole = await exchange(port, message([...(await upload('hello')), ...expecting], 'hello'))
    expect(whole).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/)
    expect(arrived).toHaveLength(1)
  })

  it('is temporarily rejected if there is not enough disk space', async () => {
    const { port } = await openGateway({ limits: { uploads: 1_500_000 } })
    const big = 'x'.repeat(2_000_000)
    const answer = await exchange(port, message([...(await upload(big)), `Content-Length: ${big.length}`], big))
    expect(answer).toMatch(/^HTTP\/1\.1 503[\s\S]*retry-after: 5/i)
  })
})

// G14
it('forwards an encoded id unchanged if the API matches raw paths', async () => {
  const encoded = [{ method: 'GET', path: '/projects/{id}', require: 'none', encoded: ['%2F'] }] as const
  const { gateway, port, arrived, options, upstreamUrl } = await openGateway()
  gateway.use({ ...options, upstream: { url: upstreamUrl, matches: 'raw' }, routes: encoded })
  const target = '/projects/group%2fProject?x=%2F'
  expect(statusOf(await exchange(port, message([`GET ${target} HTTP/1.1`, 'Host: api.example'])))).toBe(200)
  expect(arrived.map(({ url }) => url)).toEqual([target])
})

describe('an upstream that', () => {
  const ask = async (port: number) => exchange(port, message(await signedLines('/signed')))

  it('is down causes a 502 with a clear body', async () => {
    const { port, upstream } = await openGateway()
    await new Promise((resolve) => upstream.close(resolve))
    expect(await ask(port)).toMatch(/^HTTP\/1\.1 502[\s\S]*"error":"temporarily_unavailable"[\s\S]*cannot be reached/)
  })

  it('does not respond causes a 504', async () => {
    const { port } = await openGateway({ limits: { responseTimeout: 0.3 } }, () => undefined)
    expect(statusOf(await ask(port))).toBe(504)
  })

  it('does not respond to some requests causes a 504 for each of them in its own time', async () => {
    const { port } = await openGateway({ limits: { responseTimeout: 2 } }, ({ url }, outgoing) => {
      if (url === '/open/answered') outgoing.end('answered')
    })
    async function timed(path: string, after: number): Promise<{ status: number; time: number }> {
      await new Promise((resolve) => setTimeout(resolve, after))
      const began = performance.now()
      const status = statusOf(await exchange(port, message([`GET ${path} HTTP/1.1`, 'Host: x'])))
      return { status, time: performance.now() - began }
    }
    const asked = [timed('/open/a', 0), timed('/open/answered', 500), timed('/open/b', 1000)]
    const [first, answered, second] = await Promise.all(asked)
    expect(answered?.status).toBe(200)
    for (const { status, time } of [first, second, await timed('/open/c', 0)] as NonNullable<typeof first>[]) {
      expect(status).toBe(504)
      expect(time).toBeGreaterThan(1990)
    }
  })

  it('takes longer than the keep-alive timeout to respond is waited for', async () => {
    const { port } = await openGateway({}, (_, outgoing) => {
      setTimeout(() => outgoing.write('one '), 4500)
      setTimeout(() => outgoing.end('two'), 9000)
    })
    expect(await ask(port)).toMatch(/^HTTP\/1\.1 200[\s\S]*one [\s\S]*two/)
  })

  it.each([
    ['closes', ''],
    ['speaks another protocol', 'SSH-2.0-x\r\n'],
    ['sends endless headers', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['sends its length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
  ])('%s is 502', async (_, text) => {
    const server = createNetServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(text))
    })
    const port = await listenWith(server as never)
    const stage = await openGateway({ upstream: `http://127.0.0.1:${port}` })
    const answer = await ask(stage.port)
    expect(statusOf(answer)).toBe(502)
    expect(answer).not.toMatch(/127\.0\.0\.1|ECONN|HPE/)
  })

  it('aborts its response causes the gateway to abort its own', async () => {
    const { port } = await openGateway({}, (_, outgoing) => {
      outgoing.setHeader('content-length', '100')
      outgoing.write('part')
      setTimeout(() => outgoing.destroy(), 50)
    })
    const answer = await ask(port)
    expect(answer).toMatch(/content-length: 100/i)
    expect(answer.endsWith('part')).toBe(true)
  })

  it('stalls within its response is cut off', async () => {
    const { port } = await openGateway({ limits: { silence: 0.3 } }, (_, outgoing) => void outgoing.write('part'))
    const answer = await ask(port)
    expect(answer).toMatch(/part/)
    expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
  })

  it('sends 1xx first, echoes its request, and allows shared caches', async () => {
    const { port } = await openGateway({}, (incoming, outgoing) => {
      outgoing.writeProcessing()
      outgoing.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-aauth-jkt': 'hint' })
      for (const [name, value] of Object.entries(incoming.headers))
        if (name.startsWith('x-aauth')) outgoing.setHeader(name, String(value))
      outgoing.setHeader('X_AAuth_Subject', 'x')
      outgoing.setHeader('connection', 'x-hop, keep-alive')
      outgoing.setHeader('x-hop', '1')
      outgoing.setHeader('set-cookie', ['a=1', 'b=2'])
      outgoing.setHeader('cache-control', 'public, max-age=60')
      outgoing.setHeader('cdn-cache-control', 'max-age=60')
      outgoing.end('done')
    })
    const answer = await ask(port)
    expect(answer).toMatch(/^HTTP\/1\.1 200/)
    expect(answer).toMatch(/set-cookie: a=1\r\nset-cookie: b=2/i)
    expect(answer).toMatch(/\r\ncache-control: private, no-store\r\n/i)
    expect(answer).not.toMatch(/aauth|x-hop|public|cdn-cache/i)
  })

  it('has closed the keep-alive connection does not fail the next request', async () => {
    const { port, upstream } = await openGateway()
    expect(statusOf(await ask(port))).toBe(200)
    upstream.closeAllConnections()
    expect(statusOf(await ask(port))).toBe(200)
  })
})

describe('options', () => {
  const resource = openResource()
  const upstream = 'http://127.0.0.1:1'
  it.each([
    [{ upstream: 'http://127.0.0.1:1/base' }, /without a path/],
    [{ upstream: 'ftp://x' }, /upstream/],
    [{ upstream: { url: 'ftp://x' } }, /upstream/],
    [{ upstream: { url: 'http://127.0.0.1:1', matches: 'decoded' } }, /upstream\.matches can only be 'raw'/],
    [{ otherwise: 'allow' }, /otherwise/],
    [{ upstream: { url: upstream, preserveHost: 'yes' } }, /upstream\.preserveHost must be true or false/],
    [{ otherwise: 'pass', mcp: [{ path: '/mcp' }] }, /otherwise cannot be pass beside the MCP server at \/mcp/],
    [{ resource: undefined }, /resource must be the result of createResource/],
    [{ routes: undefined }, /routes must be a list/],
    [{ routes: undefined, mcp: [] }, /routes must be a list/],
    [{ routes: { method: 'GET' }, mcp: [{ path: '/mcp' }] }, /routes must be a list/],
    ...[0, -1, '1', Number.NaN, null].map((maxBody): [object, RegExp] => [
      { limits: { maxBody } },
      /limits\.maxBody must be a number greater than 0/,
    ]),
    [{ limits: { connectionsPerAddress: 0 } }, /limits\.connectionsPerAddress must be a number greater than 0/],
    [{ cors: { origins: 'https://a.example' } }, /cors\.origins must be a list of origins, or "\*"/],
    [{ cors: { origins: ['https://a.example/'] } }, /cors\.origins: https:\/\/a\.example\/ must be in the form/],
    [{ accept: ['oauth'] }, /^accept must be \["aauth"\]/],
    [{ mcp: [{ path: '/a' }, { path: '/b', accept: ['x'] }] }, /^mcp\[1\]\.accept must be \["aauth"\]/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'user' }] }, /routes\[0\]\.require can be "user" only if/],
    [{ frontController: 'yes' }, /frontController must be true or false/],
    [{ routs: [] }, /no option routs/],
    [{ limits: { maxbody: 1 } }, /no option maxbody/],
    [{ routes: [{ method: 'get', path: '/', require: 'none' }] }, /routes\[0\]\.method must be a method in upper case/],
    [{ routes: [{ method: 'GET', path: '/a//b', require: 'none' }] }, /empty segment/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'authorization' }] }, /scope/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'identity', scope: 'x' }] }, /scope/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'admin' }] }, /require/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', maxBody: -1 }] }, /maxBody must be a number of bytes/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', maxBody: 1.5 }] }, /maxBody must be a number of bytes/],
    [{ routes: [{ method: 'GET', path: '/admin panel', require: 'none' }] }, /has an invalid segment/],
    [{ routes: [{ method: 'GET', path: '/ä', require: 'none' }] }, /has an invalid segment/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', case: 'ignored' }] }, /case can only be "kept"/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', endings: true }] }, /endings can only be "kept"/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', mayShadow: 'x' }] }, /mayShadow can only be true/],
    [{ routes: [{ method: 'GET', path: '/a/{b}', require: 'none', encoded: ['/'] }] }, /must list %2F, %23 or %25/],
    [{ routes: [{ method: 'GET', path: '/a', require: 'none', encoded: ['%2F'] }] }, /the last parameter of the path/],
    [
      { routes: [{ method: 'GET', path: '/a/{b}', require: 'none', encoded: ['%2F'] }] },
      /routes\[0\]\.encoded requires upstream\.matches: 'raw'/,
    ],
    [
      {
        routes: [
          { method: 'GET', path: '/a/{b}', require: 'identity' },
          { method: 'GET', path: '/a/{b}.x', require: 'none' },
        ],
      },
      /routes\[1\] is GET \/a\/\{b\}\.x, which some servers treat as \/a\/\{b\} of routes\[0\]/,
    ],
    // G42
    [
      {
        routes: [
          { method: 'GET', path: '/a', require: 'none' },
          { method: 'GET', path: '/a', require: 'identity' },
        ],
      },
      /routes\[1\] contradicts routes\[0\], which is also GET \/a/,
    ],
    [{ mcp: [{ path: '/mcp' }, { path: '/mcp' }] }, /mcp\[1\]\.path is \/mcp, which belongs to the MCP server/],
  ])('%j are rejected', (given, reason) => {
    expect(() => createGateway({ resource, upstream, routes, ...given } as never)).toThrow(reason)
  })

  it.each<object>([
    { routes: undefined, mcp: [{ path: '/mcp' }] },
    { routes: [] },
    { upstream: { url: upstream, preserveHost: true, matches: 'raw' } },
    { limits: { maxBody: undefined, connections: 1, connectionsPerAddress: 0.5 } },
    { cors: { origins: '*' } },
    { cors: { origins: ['https://a.example'] } },
    { accept: ['aauth'] },
    { accept: ['aauth', 'oauth'] },
  ])('%j are accepted', (given) => {
    expect(() => createGateway({ resource, upstream, routes, ...given } as never).close()).not.toThrow()
  })
})

// RFC 9110 §15.5.6
it('405 lists the methods of the path in Allow, which pages may read', async () => {
  const mcp = [{ path: '/mcp', tools: {} }]
  const { port } = await openGateway({ mcp, cors: { origins: '*' } })
  for (const [request, allow] of [
    ['PUT /events', 'GET, HEAD, POST'],
    ['TRACE /signed', 'GET, HEAD'],
    ['PUT /jwks.json', 'GET, HEAD'],
    ['GET /resource/token', 'POST'],
    ['PUT /mcp', 'GET, POST, DELETE'],
  ] as const) {
    const answer = await exchange(
      port,
      message([`${request} HTTP/1.1`, 'Host: api.example', 'Origin: https://a.example']),
    )
    expect([request, statusOf(answer)]).toEqual([request, 405])
    const [, listed = ''] = /\r\nallow: ([^\r]*)\r\n/i.exec(answer) ?? []
    expect([request, listed.split(', ').sort()]).toEqual([request, allow.split(', ').sort()])
    expect(answer).toMatch(/\r\naccess-control-expose-headers: [^\r]*\bAllow\b/i)
  }
})
