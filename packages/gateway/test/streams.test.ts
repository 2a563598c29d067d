import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { january } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createGateway, type GatewayOptions } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { holdClock } from '../../../test/hold-clock.js'
import {
  agent,
  agentSigner,
  authServer,
  byToken,
  id,
  issuerSigner,
  json,
  listenWith,
} from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, routes, signedLines, statusOf } from './gateway-stage.js'

/** A token that expires in the given number of seconds. */
async function shortToken(seconds: number): Promise<KeyReference> {
  const claims = {
    iss: authServer,
    aud: id,
    agent,
    sub: 'person-1',
    scope: 'events.read',
    cnf: { jwk: agentSigner.jwk },
    exp: Math.floor(Date.now() / 1000) + seconds,
  }
  return { scheme: 'jwt', jwt: await issueToken(january.tokens.auth, claims, { signer: issuerSigner }) }
}

const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: abc']

/** A gateway in front of an upstream that accepts handshakes, and echoes the data it receives. */
async function openSockets(): Promise<{ port: number; handshakes: string[]; left: () => number }> {
  const handshakes: string[] = []
  let open = 0
  const upstream = createServer((_, outgoing) => outgoing.writeHead(426).end('plain'))
  upstream.on('upgrade', (incoming, socket: Duplex) => {
    handshakes.push(incoming.rawHeaders.join('\n'))
    open++
    // The server's half of the connection stays open until it is ended explicitly.
    socket.on('end', () => socket.end())
    socket.on('close', () => open--).on('error', () => undefined)
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-AAuth-JKT: x\r\n\r\nhi',
    )
    socket.on('data', (chunk: Buffer) => socket.write(`<${chunk.toString()}>`))
  })
  const { port } = await openGateway({ upstream: `http://127.0.0.1:${await listenWith(upstream)}` })
  return { port, handshakes, left: () => open }
}

interface Talk {
  socket: Socket
  heard: () => string
  closed: Promise<void>
}

function talk(port: number, head: string): Talk {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  socket.write(head)
  return { socket, heard: () => text, closed: new Promise((resolve) => socket.once('close', () => resolve())) }
}

describe('a WebSocket', () => {
  it('whose connection breaks during the handshake does not end the process', async () => {
    const { gateway, port } = await openGateway()
    const thrown = new Promise((resolve) => {
      gateway.server.on('upgrade', (_, socket: Duplex) => {
        try {
          resolve(socket.emit('error', new Error('reset')))
        } catch (error) {
          resolve(error)
        }
      })
    })
    talk(port, message(['GET /socket HTTP/1.1', 'Host: api.example', ...handshake]))
    expect(await thrown).toBe(true)
  })

  it('is forwarded once its handshake is verified', async () => {
    const { port, handshakes } = await openSockets()
    const lines = await signedLines('/socket', undefined, await byToken('events.read'))
    const { socket, heard } = talk(
      port,
      `${[...lines, ...handshake, 'X-AAuth-Subject: admin'].join('\r\n')}\r\n\r\nearly`,
    )
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 101[\s\S]*\r\n\r\nhi<early>$/)
    socket.write('more')
    await expect.poll(heard).toMatch(/<more>$/)
    expect(heard()).not.toMatch(/aauth/i)
    expect(handshakes[0]).toMatch(/X-AAuth-Subject\nperson-1\n/)
    expect(handshakes[0]).not.toMatch(/admin/)
  })

  it('is rejected without a signature, without the scope, for another protocol, and with a body', async () => {
    const { port, handshakes } = await openSockets()
    const ask = async (lines: string[]) => exchange(port, `${lines.join('\r\n')}\r\n\r\n`)
    expect(statusOf(await ask(['GET /socket HTTP/1.1', 'Host: api.example', ...handshake]))).toBe(401)
    const narrow = await signedLines('/socket', undefined, await byToken('events.other'))
    expect(statusOf(await ask([...narrow, ...handshake]))).toBe(403)
    const good = async () => signedLines('/socket', undefined, await byToken('events.read'))
    expect(statusOf(await ask([...(await good()), 'Connection: Upgrade', 'Upgrade: h2c']))).toBe(400)
    expect(statusOf(await ask([...(await good()), ...handshake, 'Content-Length: 30']))).toBe(400)
    const other = ['Origin: https://app.example', 'Connection: Upgrade, Origin', ...handshake.slice(1)]
    expect(statusOf(await ask([...(await good()), ...other]))).toBe(400)
    expect(statusOf(await ask(['POST /open/ HTTP/1.1', 'Host: x', ...handshake]))).toBe(400)
    expect(handshakes).toEqual([])
  })

  // G14
  it('that the upstream rejects gets the upstream’s response, and the connection is closed', async () => {
    const upstream = createServer((_, outgoing) => outgoing.writeHead(426).end('plain'))
    upstream.on('upgrade', (_, socket: Duplex) => socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'))
    const { port } = await openGateway({ upstream: `http://127.0.0.1:${await listenWith(upstream)}` })
    const lines = await signedLines('/socket', undefined, await byToken('events.read'))
    const after = 'GET /open/ HTTP/1.1\r\nHost: x\r\n\r\n'
    const answer = await exchange(port, `${[...lines, ...handshake].join('\r\n')}\r\n\r\n${after}`)
    expect(answer).toMatch(/^HTTP\/1\.1 403/)
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  // G08
  it('is closed on both sides when its token expires', async () => {
    const clock = holdClock()
    const { port, left } = await openSockets()
    const lines = await signedLines('/socket', undefined, await shortToken(40))
    const { closed, heard } = talk(port, `${[...lines, ...handshake].join('\r\n')}\r\n\r\n`)
    await expect.poll(heard).toMatch(/hi$/)
    clock.pass(41)
    await closed
    await expect.poll(left).toBe(0)
  })

  it('is closed when either side closes it', async () => {
    const { port, left } = await openSockets()
    const lines = await signedLines('/socket', undefined, await byToken('events.read'))
    const { socket, heard } = talk(port, `${[...lines, ...handshake].join('\r\n')}\r\n\r\n`)
    await expect.poll(heard).toMatch(/hi$/)
    socket.destroy()
    await expect.poll(left).toBe(0)
  })
})

describe('an event stream', () => {
  const events = (type: string, onEvent?: GatewayOptions['onEvent']) =>
    openGateway({ onEvent }, (_, outgoing) => {
      outgoing.setHeader('content-type', type)
      outgoing.write('data: 1\n\n')
      const timer = setInterval(() => outgoing.write('data: 2\n\n'), 100)
      outgoing.once('close', () => clearInterval(timer))
    })

  it('is forwarded as it arrives, without buffering', async () => {
    const { port } = await events('text/event-stream')
    const lines = await signedLines('/events', undefined, await byToken('events.read'))
    const { heard } = talk(port, `${lines.join('\r\n')}\r\n\r\n`)
    await expect.poll(heard).toMatch(/data: 1/)
    await expect.poll(heard).toMatch(/data: 2/)
  })

  // G08
  it.each(['text/event-stream', 'application/x-ndjson'])('of %s ends when its token expires', async (type) => {
    const clock = holdClock()
    const outcomes: string[] = []
    const { port } = await events(type, (event) => {
      if (event.kind === 'request') outcomes.push(event.outcome)
    })
    const lines = await signedLines('/events', undefined, await shortToken(40))
    const { heard, closed } = talk(port, message(lines))
    await expect.poll(heard).toMatch(/data: 2/)
    expect(outcomes).toEqual([])
    clock.pass(41)
    await closed
    // A response that is not an event stream must not look complete.
    expect(heard().endsWith('\r\n0\r\n\r\n')).toBe(type === 'text/event-stream')
    await expect.poll(() => outcomes).toEqual(['revoked'])
  })

  it('ends properly when the gateway stops, including one from an MCP server', async () => {
    const { port, gateway } = await openGateway({ mcp: [{ path: '/mcp' }] }, (_, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
      outgoing.write('data: 1\n\n')
    })
    for (const lines of [
      ['GET /open/stream HTTP/1.1', 'Host: api.example'],
      [...(await signedLines('/mcp')), 'Accept: text/event-stream'],
    ]) {
      const { heard, closed } = talk(port, message(lines))
      await expect.poll(heard).toMatch(/data: 1/)
      gateway.endStreams()
      await closed
      expect(heard()).toMatch(/\r\n0\r\n\r\n$/)
    }
  })

  it('is aborted when the client disconnects', async () => {
    let open = 0
    const { port } = await openGateway({}, (_, outgoing) => {
      open++
      outgoing.once('close', () => open--)
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })
    const lines = await signedLines('/events', undefined, await byToken('events.read'))
    const { socket, heard } = talk(port, `${lines.join('\r\n')}\r\n\r\n`)
    await expect.poll(heard).toMatch(/200/)
    socket.destroy()
    await expect.poll(() => open).toBe(0)
  })
})

describe('a request', () => {
  it('is aborted when the client disconnects before the response', async () => {
    const asked: Promise<void>[] = []
    const { port } = await openGateway({}, (_, outgoing) => {
      asked.push(new Promise((resolve) => outgoing.once('close', resolve)))
    })
    const { socket } = talk(port, `${(await signedLines('/signed')).join('\r\n')}\r\n\r\n`)
    await expect.poll(() => asked.length).toBe(1)
    socket.destroy()
    await asked[0]
  })
})

describe('new options', () => {
  it('apply to the next request on the same connection, while requests in progress complete with the old ones', async () => {
    let answer = () => undefined as unknown
    const { port, gateway, options, arrived } = await openGateway({}, (incoming, outgoing) => {
      if (incoming.url === '/signed') answer = () => outgoing.end('slow')
      else outgoing.end('open')
    })
    const open = 'GET /open/ HTTP/1.1\r\nHost: x\r\n\r\n'
    const { socket, heard } = talk(port, `${(await signedLines('/signed')).join('\r\n')}\r\n\r\n`)
    await expect.poll(() => arrived.length).toBe(1)
    gateway.use({ ...options, routes: routes.filter(({ path }) => path === '/open/*') })
    answer()
    await expect.poll(heard).toMatch(/slow/)
    socket.write(open)
    await expect.poll(heard).toMatch(/open/)
    expect(statusOf(await exchange(port, message(await signedLines('/signed'))))).toBe(404)
    expect(() => gateway.use({ ...options, upstream: 'nowhere' })).toThrow(TypeError)
    expect(statusOf(await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x'])))).toBe(200)
  })
})

describe('pages of other origins', () => {
  const preflight = (origin: string, method = 'GET', path = '/events') => [
    `OPTIONS ${path} HTTP/1.1`,
    'Host: api.example',
    `Origin: ${origin}`,
    `Access-Control-Request-Method: ${method}`,
    'Access-Control-Request-Headers: signature, signature-input',
  ]

  // G17
  it('are allowed if the setting lists their origin and a route lists the method', async () => {
    const { port, arrived } = await openGateway({ cors: { origins: ['https://app.example'] } })
    const allowed = await exchange(port, message(preflight('https://app.example')))
    expect(allowed).toMatch(/^HTTP\/1\.1 204[\s\S]*allow-origin: https:\/\/app\.example\r\n/i)
    expect(allowed).toMatch(/allow-headers: signature, signature-input\r\n/i)
    const others = [preflight('https://evil.example'), preflight('https://app.example', 'DELETE')]
    others.push(preflight('https://app.example', 'GET', '/nowhere'))
    for (const lines of others) {
      const refused = await exchange(port, message(lines))
      expect(refused).not.toMatch(/allow-origin/i)
      expect(refused).toMatch(/vary: origin, access-control-request-method, access-control-request-headers\r\n/i)
    }
    const open = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', 'Origin: https://evil.example']))
    expect(open).toMatch(/vary: origin/i)
    expect(open).not.toMatch(/allow-origin/i)
    arrived.length = 0
    const unsigned = await exchange(port, message(['GET /events HTTP/1.1', 'Host: x', 'Origin: https://app.example']))
    expect(unsigned).toMatch(/^HTTP\/1\.1 401[\s\S]*allow-origin: https:\/\/app\.example\r\n/i)
    expect(arrived).toEqual([])
  })

  it('can read the challenge and other headers with the reason, whatever is rejected', async () => {
    const { port, upstream } = await openGateway({
      cors: { origins: ['https://app.example'] },
      limits: { maxBody: 10, bodyTimeout: 0.3 },
    })
    const page = 'Origin: https://app.example'
    const ask = async (lines: readonly string[], body = '') => exchange(port, message([...lines, page], body))
    const unsigned = (start: string) => ask([`${start} HTTP/1.1`, 'Host: api.example'])
    const narrow = await signedLines('/events', undefined, await byToken('events.other'))
    const long = [...(await signedLines('/events', json({ a: 1 }))), 'Content-Length: 11']
    const handshakeOnly = ['GET /socket HTTP/1.1', 'Host: api.example', ...handshake, page]
    await new Promise((resolve) => upstream.close(resolve))
    const answers = [
      [400, await unsigned('GET //events')],
      [400, await unsigned('GET /events?_method=DELETE')],
      [401, await unsigned('GET /events')],
      [401, await ask(await signedLines('/events'))],
      [401, await exchange(port, `${handshakeOnly.join('\r\n')}\r\n\r\n`)],
      [403, await ask(narrow)],
      [404, await unsigned('GET /nowhere')],
      [405, await unsigned('DELETE /events')],
      [408, await ask([...(await signedLines('/events', json({ a: 1 }))), 'Content-Length: 7'])],
      [413, await ask(long)],
      [502, await ask(await signedLines('/signed'))],
      [401, await ask(['POST /resource/token HTTP/1.1', 'Host: api.example', 'Content-Length: 0'])],
      [405, await unsigned('TRACE /events')],
    ] as const
    for (const [status, answer] of answers) {
      expect(statusOf(answer), answer).toBe(status)
      expect(answer.match(/allow-origin: https:\/\/app\.example/gi), answer).toHaveLength(1)
      expect(answer).toMatch(/expose-headers: agent-auth, signature-error, date, retry-after, allow, www-authenticate/i)
    }
    const token = await exchange(port, message(preflight('https://app.example', 'POST', '/resource/token')))
    expect(token).toMatch(/allow-methods: POST\r\n/i)
    const document = await unsigned('GET /.well-known/aauth-resource')
    expect(document).toMatch(/allow-origin: https:\/\/app\.example/i)
  })

  it('can also read the headers that the API exposes', async () => {
    const { port } = await openGateway({ cors: { origins: '*' } }, (_, outgoing) => {
      outgoing.setHeader('access-control-allow-origin', 'https://other.example')
      outgoing.setHeader('access-control-expose-headers', 'x-total')
      outgoing.end()
    })
    const answer = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', 'Origin: https://app.example']))
    expect(answer.match(/allow-origin: .*/gi)).toEqual(['Allow-Origin: *'])
    expect(answer).toMatch(/expose-headers: x-total\r\n[\s\S]*expose-headers: Agent-Auth/i)
  })

  // G37
  it.each([
    ['from an unlisted origin', ['https://app.example'], ['Origin: https://evil.example']],
    ['without an origin', ['https://app.example'], []],
    ['with two origins', ['https://app.example'], ['Origin: https://app.example', 'Origin: https://evil.example']],
  ] as const)('cannot read what the API itself allows, %s', async (_, origins, lines) => {
    const loose = {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Credentials': 'true',
      'access-control-expose-headers': 'x-total',
      Access_Control_Allow_Origin: '*',
      'X-Own': '1',
    }
    const given = { cors: { origins }, mcp: [{ path: '/mcp', tools: { look: 'events.read' } }] }
    const { port } = await openGateway(given, (_incoming, outgoing) => {
      for (const [name, value] of Object.entries(loose)) outgoing.setHeader(name, value)
      outgoing.end('{}')
    })
    const answer = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', ...lines]))
    expect(statusOf(answer)).toBe(200)
    expect(answer).toMatch(/x-own: 1\r\n/i)
    expect(answer).not.toMatch(/\naccess.control/i)
    const mcp = await signedLines('/mcp', undefined, await byToken('events.read'))
    const ofServer = await exchange(port, message([...mcp, ...lines]))
    // A page that is not listed may not call an MCP server at all.
    expect(statusOf(ofServer)).toBe(lines.length > 0 ? 403 : 200)
    expect(ofServer).not.toMatch(/\naccess.control/i)
  })

  // G37
  it('can read any response if every origin is listed, because a cache may have it from another client', async () => {
    const { port } = await openGateway({ cors: { origins: '*' } }, (_, outgoing) => {
      outgoing.setHeader('Access-Control-Allow-Origin', 'https://other.example')
      outgoing.setHeader('Access-Control-Allow-Credentials', 'true')
      outgoing.setHeader('Access_Control_Allow_Origin', 'https://other.example')
      outgoing.end()
    })
    for (const lines of [[], ['Origin: https://app.example']]) {
      const answer = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', ...lines]))
      const fields = answer.split('\r\n').filter((line) => /^access.control/i.test(line) && !/-expose-/i.test(line))
      expect(fields).toEqual(['Access-Control-Allow-Origin: *'])
    }
  })

  // G37
  it('cannot send cookies, whatever the API allows', async () => {
    const { port } = await openGateway({ cors: { origins: ['https://app.example'] } }, (_, outgoing) => {
      outgoing.setHeader('access-control-allow-credentials', 'true')
      outgoing.setHeader('access-control-allow-methods', 'DELETE')
      outgoing.end()
    })
    const answer = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', 'Origin: https://app.example']))
    expect(
      answer
        .match(/\naccess-control-[\w-]+/gi)
        ?.map((name) => name.trim().toLowerCase())
        .toSorted(),
    ).toEqual(['access-control-allow-origin', 'access-control-expose-headers'])
  })

  it.each([
    ['https://*.example', /one origin, without \*/],
    ['*', /one origin, without \*/],
    ['https://App.Example', /in the form that browsers send: https:\/\/app\.example/],
    ['https://app.example/', /in the form that browsers send: https:\/\/app\.example$/],
    ['https://app.example:443', /in the form that browsers send/],
    ['null', /must be an origin/],
    ['app://x', /must be an origin/],
    ['https://bücher.example', /in the form that browsers send: https:\/\/xn--/],
  ])('cannot be listed as %s', async (origin, reason) => {
    const { options } = await openGateway()
    expect(() => createGateway({ ...options, cors: { origins: [origin] } })).toThrow(reason)
  })

  it('are rejected if the setting is missing', async () => {
    const { port, options } = await openGateway()
    expect(statusOf(await exchange(port, message(preflight('https://app.example'))))).toBe(405)
    expect(createGateway({ ...options, cors: { origins: '*' } }).server).toBeDefined()
  })
})
