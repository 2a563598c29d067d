import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { type CountersignEvent, createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { createGateway, type GatewayOptions, type Route } from 'countersign-gateway'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  agent,
  byAgent,
  byToken,
  id,
  json,
  openResource,
  resourceSigner,
} from '../../countersign/test/resource/events-resource.js'
import { formOrCall, notPlainJson } from '../../countersign/test/resource/mcp/mcp-stage.js'
import { exchange, message, openGateway, signedLines, statusOf } from './gateway-stage.js'

const stranger = await createSigner(await generatePrivateJwk())

/** The lines of a request signed by a caller of whom only a key is known. */
async function strangersLines(path: string, init: RequestInit): Promise<string[]> {
  const { kty, crv, x } = stranger.jwk as Record<string, string>
  const signatureKey = { scheme: 'hwk', jwk: { kty, crv, x } } as KeyReference
  const request = new Request(`${id}${path}`, init)
  const { headers } = await signRequest(request, { profile: january.signing, signer: stranger, signatureKey })
  return ['Host: api.example', ...[...headers].map(([name, value]) => `${name}: ${value}`)]
}

const mcp = [{ path: '/mcp', tools: { look: 'events.read', change: 'events.write' } }]
const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

async function openMcp(given: Partial<GatewayOptions> = {}) {
  const routes: Route[] = [{ method: '*', path: '/*', require: 'none', fallback: true }]
  const options: Partial<GatewayOptions> = { mcp, routes, ...given }
  const stage = await openGateway(options, (_, outgoing) => {
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } }))
  })
  async function send(body: object, more: string[] = [], path = '/mcp') {
    const text = JSON.stringify(body)
    const accept = { accept: 'application/json, text/event-stream' }
    const init = { ...json(body), headers: { 'content-type': 'application/json', ...accept } }
    const lines = await signedLines(path, init, await byToken('events.read'))
    return exchange(stage.port, message([...lines, `Content-Length: ${text.length}`, ...more], text))
  }
  return { ...stage, send }
}

describe('an MCP server behind the gateway', () => {
  it('needs no route; all other paths are 404 then', async () => {
    const { send } = await openMcp({ routes: undefined })
    expect(statusOf(await send(call('look')))).toBe(200)
    expect(statusOf(await send(call('look'), [], '/other'))).toBe(404)
  })

  it('receives the calls that its table allows, with the caller’s identity', async () => {
    const { send, arrived } = await openMcp()
    const answer = await send(call('look'), ['X-AAuth-Scope: all', 'X_AAuth_Subject: admin'])
    expect(statusOf(answer)).toBe(200)
    expect(answer).toMatch(/"result":\{"content":\[\]\}/)
    expect(answer).toMatch(/cache-control: private, no-store/i)
    expect(JSON.parse(arrived[0]?.body ?? '')).toEqual(call('look'))
    expect(arrived[0]?.headers).toMatchObject({
      'x-aauth-level': 'authorization',
      'x-aauth-agent-server': agent,
      'x-aauth-subject': 'person-1',
      'x-aauth-scope': 'events.read',
    })
    expect(JSON.stringify(arrived[0]?.rawHeaders)).not.toMatch(/admin/)
  })

  it('receives no other call, no batch, no override, and nothing through another spelling of its path', async () => {
    const { send, arrived, port } = await openMcp()
    expect(statusOf(await send(call('change')))).toBe(403)
    expect(await send(call('unknown'))).toMatch(/"error"/)
    expect(statusOf(await send([call('look')]))).toBe(400)
    expect(statusOf(await send(call('look'), ['X-HTTP-Method-Override: DELETE']))).toBe(400)
    for (const path of ['/Mcp', '/mcp/', '/mcp;x', '/mcp.json'])
      expect(statusOf(await send(call('change'), [], path))).toBe(404)
    expect(statusOf(await exchange(port, message(['GET /mcp HTTP/1.1', 'Host: api.example'])))).toBe(401)
    expect(arrived).toEqual([])
    expect(statusOf(await exchange(port, message(['GET /others HTTP/1.1', 'Host: api.example'])))).toBe(200)
  })

  // G36
  it.each(['/mcp', '/resource/token'])('asks for no content at %s before the request is verified', async (path) => {
    const { port, arrived } = await openMcp()
    const strangers = [
      ['Host: api.example', 'Content-Type: application/json'],
      (await signedLines('/other', json(call('look')))).slice(1),
      await strangersLines(path, json(call('look'))),
    ]
    for (const lines of strangers)
      for (const more of [
        ['Content-Length: 1000000'],
        ['Transfer-Encoding: chunked'],
        ['Content-Length: 1000000', 'Expect: 100-continue'],
      ]) {
        const head = [`POST ${path} HTTP/1.1`, ...lines, ...more]
        // The gateway closes the connection without waiting for more data.
        const answer = await exchange(port, `${head.join('\r\n')}\r\n\r\n`)
        expect(answer).toMatch(/^HTTP\/1\.1 401 /)
        expect(answer).toMatch(/connection: close/i)
      }
    expect(arrived).toEqual([])
  })

  // M20
  it.each(notPlainJson)('receives nothing other than plain JSON: %s', async (type) => {
    const { port, arrived } = await openMcp()
    for (const key of [byAgent, await byToken('events.read')]) {
      const init = { method: 'POST', body: formOrCall('change'), headers: { 'content-type': type } }
      const lines = await signedLines('/mcp', init, key)
      const answer = await exchange(port, message([...lines, `Content-Length: ${init.body.length}`], init.body))
      expect(statusOf(answer)).toBe(415)
    }
    expect(arrived).toEqual([])
  })

  it('with an expired token, returns a challenge for all that the message needs, and the event reports the required level', async () => {
    const events: CountersignEvent[] = []
    const { port, send } = await openMcp({ resource: openResource({ onEvent: (event) => void events.push(event) }) })
    expect(statusOf(await send(call('look')))).toBe(200)
    const key = await byToken('events.read', { exp: Math.floor(Date.now() / 1000) - 5 })
    const text = JSON.stringify(call('look'))
    const lines = await signedLines('/mcp', json(call('look')), key)
    const answer = await exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
    expect(answer).toMatch(/^HTTP\/1\.1 401 [\s\S]*agent-auth: [^\r]*resource_token=/i)
    const verified = events.filter((event) => event.kind === 'request' && event.role === 'resource')
    expect(verified).toMatchObject([
      { route: 'authorization', outcome: 'ok' },
      { route: 'authorization', outcome: 'auth_token_expired' },
    ])
  })

  it('accepts a message once its signature is verified, and sends 100 Continue only then', async () => {
    const { port, arrived } = await openMcp()
    const text = JSON.stringify(call('look'))
    const lines = await signedLines('/mcp', json(call('look')), await byToken('events.read'))
    const head = [...lines, `Content-Length: ${text.length}`, 'Expect: 100-continue', 'Connection: close']
    expect(await exchange(port, [`${head.join('\r\n')}\r\n\r\n`, text])).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /,
    )
    const other = await signedLines('/mcp', json(call('look')), await byToken('events.read'))
    const changed = text.replace('look', 'lock')
    expect(statusOf(await exchange(port, message([...other, `Content-Length: ${text.length}`], changed)))).toBe(401)
    expect(arrived).toHaveLength(1)
  })

  // G36
  it('limits the messages held in memory, and spools uploads to disk then', async () => {
    const { port, arrived } = await openMcp({ limits: { memory: 1000, stallTimeout: 120 } })
    const text = JSON.stringify({ ...call('look'), more: 'x'.repeat(700) })
    const head = async () => {
      const init = json(JSON.parse(text) as object)
      return [...(await signedLines('/mcp', init, await byToken('events.read'))), `Content-Length: ${text.length}`]
    }
    const half = connect(port, '127.0.0.1')
    half.on('error', () => undefined)
    half.write(`${(await head()).join('\r\n')}\r\n\r\n${text.slice(0, -1)}`)
    const send = async () => statusOf(await exchange(port, message(await head(), text)))
    await expect.poll(send).toBe(503)
    const upload = message(['POST /other HTTP/1.1', 'Host: api.example', 'Content-Length: 5000'], 'y'.repeat(5000))
    expect(statusOf(await exchange(port, upload))).toBe(200)
    expect(arrived.at(-1)?.body).toBe('y'.repeat(5000))
    half.destroy()
    await expect.poll(send).toBe(200)
    await expect.poll(send).toBe(200)
  })

  // G36
  it('receives no message with an excessive number of members and items', async () => {
    const { send, arrived } = await openMcp()
    const many = Object.fromEntries(Array.from({ length: 20_001 }, (_, at) => [`k${at}`, 1]))
    const items = Array.from({ length: 20_001 }, () => ({}))
    for (const more of [{ many }, { items }]) expect(statusOf(await send({ ...call('look'), ...more }))).toBe(413)
    expect(arrived).toEqual([])
    const text = { ...call('look'), text: '[{,'.repeat(20_001), few: items.slice(0, 9000) }
    expect(statusOf(await send(text))).toBe(200)
  })

  // M10
  it('receives no MCP header in another spelling, nor with GET and DELETE', async () => {
    const { send, port, arrived } = await openMcp()
    for (const line of [
      'Mcp_Session_Id: a',
      'mcp.name: change',
      'MCP_METHOD: tools/list',
      'Mcp-Session_Id: a',
      '_Mcp-Name: x',
    ])
      expect(statusOf(await send(call('look'), [line]))).toBe(400)
    for (const method of ['GET', 'DELETE']) {
      const lines = await signedLines('/mcp', { method }, await byToken('events.read'))
      expect(statusOf(await exchange(port, message([...lines, 'Mcp_Session_Id: a'])))).toBe(400)
    }
    expect(arrived).toEqual([])
  })

  // M10
  it.each([
    'mcp-name',
    'close, MCP-Protocol-Version',
    'Mcp-Session-Id',
    'last-event-id',
    'mcp-param-x',
    'content-type',
  ])('receives no request whose Connection header names a header that was judged: %s', async (options) => {
    const { send, port, arrived } = await openMcp()
    expect(statusOf(await send(call('look'), [`Connection: ${options}`]))).toBe(400)
    const lines = await signedLines('/mcp', { method: 'DELETE' }, await byToken('events.read'))
    expect(statusOf(await exchange(port, message([...lines, `Connection: ${options}`])))).toBe(400)
    expect(arrived).toEqual([])
  })

  // M23
  it('is asked for events of a session by its own event ids, but not by those of another session', async () => {
    const answer = (incoming: { method?: string | undefined }, outgoing: ServerResponse) => {
      const head = { 'content-type': 'text/event-stream', 'mcp-session-id': `session-${Math.random()}` }
      outgoing.writeHead(200, head)
      outgoing.end(
        incoming.method === 'GET' ? 'data: {}\n\n' : 'id: event 7\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
      )
    }
    const { port, arrived } = await openGateway({ mcp }, answer)
    const start = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }
    const text = JSON.stringify(start)
    const open = async () => {
      const lines = await signedLines('/mcp', json(start), await byToken('events.read'))
      const started = await exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
      const [, session = ''] = /mcp-session-id: (\S+)/i.exec(started) ?? []
      return { session, event: /^id: (.*?)\r?$/m.exec(started)?.[1] ?? '' }
    }
    const [one, other] = [await open(), await open()]
    const takeUp = async (session: string, event: string) => {
      const lines = await signedLines('/mcp', { method: 'GET' }, await byToken('events.read'))
      const more = [`Mcp-Session-Id: ${session}`, `Last-Event-ID: ${event}`]
      return statusOf(await exchange(port, message([...lines, ...more])))
    }
    expect(await takeUp(one.session, one.event)).toBe(200)
    expect(arrived.at(-1)?.headers['last-event-id']).toBe('event 7')
    expect(await takeUp(other.session, one.event)).toBe(400)
    expect(await takeUp(other.session, 'event 7')).toBe(400)
    expect(arrived).toHaveLength(3)
  })

  // G11
  it('receives no message that arrives byte by byte: 408', async () => {
    const { port, arrived } = await openMcp({ limits: { bodyTimeout: 1 } })
    const text = JSON.stringify(call('look'))
    const lines = await signedLines('/mcp', json(call('look')), await byToken('events.read'))
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    socket.write(`${[...lines, `Content-Length: ${text.length}`].join('\r\n')}\r\n\r\n`)
    const timer = setInterval(() => socket.write(' '), 100)
    await expect.poll(() => statusOf(answer)).toBe(408)
    clearInterval(timer)
    socket.destroy()
    expect(arrived).toEqual([])
  })

  // M22
  it('is asked for uncompressed responses', async () => {
    const { send, arrived } = await openMcp()
    expect(statusOf(await send(call('look'), ['Accept-Encoding: gzip, br']))).toBe(200)
    expect(arrived[0]?.headers['accept-encoding']).toBe('identity')
  })

  // G38
  it('keeps its sessions when the options change, separate from those of other servers', async () => {
    const opened = (_: unknown, outgoing: ServerResponse) => {
      outgoing.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
      outgoing.end('{"jsonrpc":"2.0","id":1,"result":{}}')
    }
    const servers = [...mcp, { path: '/other', tools: { look: 'events.read' } }]
    const { gateway, port, options } = await openGateway({ mcp: servers }, opened)
    const send = async (path: string, body: object, more: string[] = []) => {
      const lines = await signedLines(path, json(body), await byToken('events.read'))
      const text = JSON.stringify(body)
      return statusOf(await exchange(port, message([...lines, `Content-Length: ${text.length}`, ...more], text)))
    }
    const inSession = ['Mcp-Session-Id: session-1']
    expect(await send('/mcp', call('look'), inSession)).toBe(404)
    expect(await send('/mcp', { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })).toBe(200)
    for (const next of [options, { ...options, mcpSessions: undefined }]) {
      expect(await send('/mcp', call('look'), inSession)).toBe(200)
      expect(await send('/other', call('look'), inSession)).toBe(404)
      gateway.use(next)
    }
    expect(await send('/mcp', call('look'), inSession)).toBe(200)
  })

  it('cannot give a caller the session of another: 502, with an event', async () => {
    const events: CountersignEvent[] = []
    const opened = (_: unknown, outgoing: ServerResponse) => {
      outgoing.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
      outgoing.end('{"jsonrpc":"2.0","id":1,"result":{}}')
    }
    const { port } = await openGateway({ mcp, onEvent: (event) => void events.push(event) }, opened)
    const send = async (sub: string, body: object, more: string[] = []) => {
      const lines = await signedLines('/mcp', json(body), await byToken('events.read', { sub }))
      const text = JSON.stringify(body)
      return exchange(port, message([...lines, `Content-Length: ${text.length}`, ...more], text))
    }
    const start = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }
    expect(statusOf(await send('alice', start))).toBe(200)
    const refused = await send('bob', start)
    expect(statusOf(refused)).toBe(502)
    expect(refused).not.toMatch(/mcp-session-id/i)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'refusal', code: 'upstream_failed', status: 502 }))
    const inSession = ['Mcp-Session-Id: session-1']
    expect(statusOf(await send('bob', call('look'), inSession))).toBe(404)
    expect(statusOf(await send('alice', call('look'), inSession))).toBe(200)
  })

  // G01
  it('receives no request with a user whose name is not valid in a header', async () => {
    const { port, arrived } = await openMcp()
    for (const sub of ['persön', '人', ' person', 'person ', 'a\r\nX-AAuth-Scope: all']) {
      const text = JSON.stringify(call('look'))
      const lines = await signedLines('/mcp', json(call('look')), await byToken('events.read', { sub }))
      expect(statusOf(await exchange(port, message([...lines, `Content-Length: ${text.length}`], text)))).toBe(502)
    }
    expect(arrived).toEqual([])
  })

  // G01
  it.each(['bötchen', ' bot'])(
    'receives no request with the delegate %j, and the caller learns why',
    async (agent_delegate) => {
      const { port, arrived } = await openMcp()
      const text = JSON.stringify(call('look'))
      const lines = await signedLines('/mcp', json(call('look')), await byToken('events.read', { agent_delegate }))
      const answer = await exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
      expect(statusOf(answer)).toBe(400)
      expect(answer).toContain('X-AAuth-Delegate is not printable ASCII')
      expect(arrived).toEqual([])
    },
  )

  // G32
  it.each(
    `/mcp/x /mcp/sse /MCP/messages /mcp;a /mcp.php/x /index.php/mcp /x.php/mcp/y /mcp/index.php /mcp.json/ /mcp.a.b /mcp:x /mcp,x /mcp%20x /mcp%E2%80%8B /%20mcp /mcp@x /mcp~ /.mcp /mcp.tar.gz /mcp(x)/y`.split(
      ' ',
    ),
  )('receives nothing at %s, regardless of the caller', async (path) => {
    for (const otherwise of ['refuse', 'pass'] as const) {
      const { send, arrived, port } = await openMcp({ otherwise })
      expect(statusOf(await send(call('change'), [], path))).toBe(404)
      expect(statusOf(await send(call('look'), [], path))).toBe(404)
      const text = JSON.stringify(call('change'))
      const unsigned = [`POST ${path} HTTP/1.1`, 'Host: api.example', `Content-Length: ${text.length}`]
      expect(statusOf(await exchange(port, message(unsigned, text)))).toBe(404)
      expect(arrived).toEqual([])
    }
  })

  // G32
  it.each(['/mcp-docs', '/mcpx', '/mcp_x', '/mcp2/x', '/MCP-x/y', '/mcpx.json', '/index.php/mcp-x'])(
    'receives nothing at %s, which some routers match as a prefix',
    async (path) => {
      for (const otherwise of ['refuse', 'pass'] as const) {
        const { send, arrived, port } = await openMcp({ otherwise })
        expect(statusOf(await send(call('change'), [], path))).toBe(404)
        const text = JSON.stringify(call('change'))
        const unsigned = [`POST ${path} HTTP/1.1`, 'Host: api.example', `Content-Length: ${text.length}`]
        expect(statusOf(await exchange(port, message(unsigned, text)))).toBe(404)
        expect(arrived).toEqual([])
      }
    },
  )

  it.each(['/mcp-docs', '/mcpx', '/mcp_x', '/x/mcp', '/mcp2/x', '/?next=/mcp-tools'])(
    'leaves %s to the API',
    async (path) => {
      const named = ['/mcp-docs', '/mcpx', '/mcp_x', '/mcp2/*']
      const open = { method: '*', require: 'none' } as const
      const routes = [
        ...named.map((each) => ({ ...open, path: each })),
        { ...open, path: '/*', fallback: true } as const,
      ]
      const { port } = await openMcp({ routes })
      expect(statusOf(await exchange(port, message([`GET ${path} HTTP/1.1`, 'Host: api.example'])))).toBe(200)
    },
  )

  // G16
  it('receives an assertion, if configured', async () => {
    const { send, arrived, upstreamUrl } = await openMcp({ assertion: { signer: resourceSigner } })
    expect(statusOf(await send(call('look'), ['X-AAuth-Assertion: forged']))).toBe(200)
    const keys = createLocalJWKSet({ keys: [resourceSigner.jwk as JWK] })
    const token = String(arrived[0]?.headers['x-aauth-assertion'])
    const { payload } = await jwtVerify(token, keys, { issuer: id, audience: upstreamUrl })
    expect(payload).toMatchObject({ level: 'authorization', agent, sub: 'person-1', scope: 'events.read' })
    expect(payload).toMatchObject({ method: 'POST', target: '/mcp', auth_server: 'https://auth.example' })
  })

  // G17
  it('can be called by a page from a listed origin, which can read the challenge and the session', async () => {
    const { send, arrived, port } = await openMcp({ cors: { origins: ['https://app.example'] } })
    const preflight = (method: string, origin = 'https://app.example') =>
      exchange(
        port,
        message([
          'OPTIONS /mcp HTTP/1.1',
          'Host: api.example',
          `Origin: ${origin}`,
          `Access-Control-Request-Method: ${method}`,
          'Access-Control-Request-Headers: content-digest, mcp-protocol-version, signature',
        ]),
      )
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await preflight(method)
      expect(answer).toMatch(/^HTTP\/1\.1 204[\s\S]*allow-origin: https:\/\/app\.example\r\n/i)
      expect(answer).toMatch(/allow-headers: content-digest, mcp-protocol-version, signature\r\n/i)
      expect(answer).toContain(`Access-Control-Allow-Methods: ${method}\r\n`)
    }
    for (const answer of [await preflight('PUT'), await preflight('POST', 'https://evil.example')])
      expect(answer).not.toMatch(/allow-origin/i)
    expect(arrived).toEqual([])

    const page = ['Origin: https://app.example']
    const answers = [
      [200, await send(call('look'), page)],
      [403, await send(call('change'), page)],
      [400, await send([call('look')], page)],
      [400, await send(call('look'), [...page, 'X-HTTP-Method-Override: DELETE'])],
      [413, await send({ ...call('look'), more: 'x'.repeat(1_100_000) }, page)],
      [401, await exchange(port, message(['GET /mcp HTTP/1.1', 'Host: api.example', ...page]))],
      [405, await exchange(port, message(['PUT /mcp HTTP/1.1', 'Host: api.example', ...page]))],
    ] as const
    for (const [status, answer] of answers) {
      expect(statusOf(answer)).toBe(status)
      expect(answer.match(/allow-origin: https:\/\/app\.example\r\n/gi), answer).toHaveLength(1)
      expect(answer).toMatch(/expose-headers: [^\r]*agent-auth[^\r]*mcp-session-id/i)
      expect(answer).toMatch(/vary: [^\r]*origin/i)
    }
    const other = await send(call('look'), ['Origin: https://evil.example'])
    expect(statusOf(other)).toBe(403)
    expect(other).not.toMatch(/allow-origin/i)
    expect(arrived).toHaveLength(1)
  })

  it.each([204, 205, 304])('may respond to the end of a session with %i, without a body', async (status) => {
    const { port } = await openGateway({ mcp }, (_, outgoing) => void outgoing.writeHead(status).end())
    const lines = await signedLines('/mcp', { method: 'DELETE' }, await byToken('events.read'))
    expect(statusOf(await exchange(port, message(lines)))).toBe(status)
  })

  it('causes a 502 if it is down', async () => {
    const { send, upstream } = await openMcp()
    await new Promise((resolve) => upstream.close(resolve))
    expect(statusOf(await send(call('look')))).toBe(502)
  })

  // G52
  it('is not surrounded by an open route, or by otherwise: pass, unless a route declares that it has no other name', async () => {
    const { options } = await openGateway()
    const create = (change: Partial<GatewayOptions>) => () => createGateway({ ...options, mcp, ...change }).close()
    const route = (change: Partial<Route> = {}): Route => ({ method: '*', path: '/*', require: 'identity', ...change })
    const refused =
      /routes\[0\] is \* \/\*, which surrounds the MCP server at \/mcp.* set fallback: true on routes\[0\]/
    expect(create({ routes: [route()] })).toThrow(refused)
    expect(create({ routes: [route({ path: '/{page}/*' })] })).toThrow(/surrounds the MCP server/)
    expect(create({ routes: [route({ path: '/Api/*' })], mcp: [{ path: '/api/mcp' }] })).toThrow(/at \/api\/mcp/)
    expect(create({ routes: [route({ fallback: true })] })).not.toThrow()
    for (const path of ['/mcp-docs/*', '/api/*', '/{page}', '/'])
      expect(create({ routes: [route({ path })] })).not.toThrow()

    const passing = { otherwise: 'pass' } as const
    expect(create({ ...passing, routes: [route({ path: '/api/*' })] })).toThrow(
      /otherwise cannot be pass beside the MCP server at \/mcp: /,
    )
    expect(create({ ...passing, routes: [route({ fallback: true })] })).not.toThrow()
    expect(create({ ...passing, mcp: [] })).not.toThrow()
  })

  it('has exactly one path', async () => {
    const { options } = await openGateway()
    expect(() => createGateway({ ...options, mcp: [{ path: '/mcp/*' }] })).toThrow(/must be a literal path/)
    expect(() => createGateway({ ...options, mcp: [{ path: '/%6dcp' }] })).toThrow(/%6d, an unnecessary escape/)
  })

  // G32
  it.each([
    [
      { mcp: [...mcp, { path: '/mcp', tools: {} }] },
      /mcp\[1\]\.path is \/mcp, which belongs to the MCP server at \/mcp/,
    ],
    [{ mcp: [...mcp, { path: '/Mcp/other' }] }, /mcp\[1\]\.path is \/Mcp\/other, which belongs to the MCP server/],
    [{ mcp: [{ path: '/jwks.json' }] }, /mcp\[0\]\.path includes \/jwks\.json, at which the gateway publishes/],
    [{ mcp: [{ path: '/resource' }] }, /mcp\[0\]\.path includes \/resource\/token/],
    ...['/mcp', '/mcp/health', '/mcp/*', '/mcp/{id}/x', '/mcp.json'].map(
      (path) =>
        [{ mcp, routes: [{ method: 'GET', path, require: 'none' }] }, /routes\[0\]\.path .* table applies/] as const,
    ),
  ] as [Partial<GatewayOptions>, RegExp][])('is not protected by two rules: %j', async (change, reason) => {
    const { options } = await openGateway()
    expect(() => createGateway({ ...options, ...change })).toThrow(reason)
  })
})
