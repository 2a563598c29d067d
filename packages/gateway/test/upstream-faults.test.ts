import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { GatewayOptions } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { byToken, json, listenWith, resourceSigner } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, routes, signedLines, statusOf } from './gateway-stage.js'

/** A gateway in front of raw bytes: what the API does with a connection on which a request arrived. */
async function openRaw(onRequest: (socket: Socket, head: string) => void, given: Partial<GatewayOptions> = {}) {
  let open = 0
  let requests = 0
  let bytes = 0
  const upstream = createServer((socket) => {
    open++
    socket.on('error', () => undefined).once('close', () => open--)
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (!/^[A-Z]+ \/\S* HTTP\/1\.1\r\n/.test(chunk.toString('latin1'))) return
      requests++
      onRequest(socket, chunk.toString('latin1'))
    })
  })
  const port = await listenWith(upstream)
  const stage = await openGateway({ upstream: `http://127.0.0.1:${port}`, ...given })
  return { port: stage.port, left: () => open, requests: () => requests, bytes: () => bytes }
}

const ask = async (port: number) => exchange(port, message(await signedLines('/signed')))

const ok = 'HTTP/1.1 200 OK\r\n'

/** How chunks end. */
const whole = /\r\n0\r\n\r\n$/

/** Asserts that an error states what happened, without details. */
function expectClear(answer: string, status: 502 | 504): void {
  expect(statusOf(answer), answer).toBe(status)
  expect(answer).toMatch(/\r\ncontent-type: application\/json/i)
  expect(answer).toMatch(/"error":"temporarily_unavailable","error_description":"[^"]*API behind this gateway/)
  expect(answer).not.toMatch(/127\.0\.0\.1|ECONN|EPIPE|HPE|x-aauth|node:/i)
}

// G14
describe('an API that', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['resets the connection', (socket) => socket.resetAndDestroy()],
    ['closes the connection', (socket) => socket.end()],
    ['resets it within the head', (socket) => socket.write(`${ok}X-A: 1\r\nX-B`, () => socket.resetAndDestroy())],
    ['closes it within the head', (socket) => socket.end(`${ok}X-A: 1\r\n`)],
    [
      'resets it after a 1xx response',
      (socket) => socket.write('HTTP/1.1 103 Hm\r\n\r\n', () => socket.resetAndDestroy()),
    ],
    ['responds without a status', (socket) => socket.end('HTTP/1.1 OK\r\n\r\n')],
    ['responds with a two-digit status', (socket) => socket.end('HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n')],
    ['responds with a status below the range', (socket) => socket.end('HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n')],
    ['responds with the status 000', (socket) => socket.end('HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n')],
    ['responds in HTTP/0.9', (socket) => socket.end('<h1>hello</h1>')],
    ['responds in HTTP/2', (socket) => socket.end(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))],
    ['has a line without a colon', (socket) => socket.end(`${ok}X-A\r\nContent-Length: 0\r\n\r\n`)],
    ['has a NUL in a header', (socket) => socket.end(`${ok}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`)],
    ['has a space before the colon', (socket) => socket.end(`${ok}X-A : 1\r\nContent-Length: 0\r\n\r\n`)],
    ['has a negative length', (socket) => socket.end(`${ok}Content-Length: -1\r\n\r\n`)],
    ['has two lengths in one field', (socket) => socket.end(`${ok}Content-Length: 1, 2\r\n\r\nxx`)],
    [
      'has a length and chunks',
      (socket) => socket.end(`${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    ],
    [
      'has chunks and a length',
      (socket) => socket.end(`${ok}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`),
    ],
    ['has chunks in another coding', (socket) => socket.end(`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)],
    [
      'has another coding after chunked',
      (socket) => socket.end(`${ok}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`),
    ],
    [
      'has chunked twice',
      (socket) => socket.end(`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    ],
    ['has a header of 100 KB', (socket) => socket.end(`${ok}X-A: ${'x'.repeat(100_000)}\r\n\r\n`)],
    ['has 1,001 headers', (socket) => socket.end(`${ok}${'X-A: 1\r\n'.repeat(1001)}\r\n`)],
  ])('%s causes a 502, after one attempt', async (_, answer) => {
    const { port, left, requests } = await openRaw(answer)
    expectClear(await ask(port), 502)
    expect(requests()).toBe(1)
    await expect.poll(left).toBe(0)
  })

  it('sends endless 1xx responses causes a 502, and none of them is forwarded', async () => {
    const { port, left } = await openRaw((socket) => {
      const flood = () => {
        while (socket.writable && socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'));
      }
      socket.on('drain', flood)
      flood()
    })
    const answer = await ask(port)
    expectClear(answer, 502)
    expect(answer).not.toContain(' 103 ')
    await expect.poll(left).toBe(0)
  })

  it('sends 1xx responses to an HTTP/1.0 client does not have them forwarded', async () => {
    const { port } = await openRaw((socket) =>
      socket.end(`HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: </a.css>\r\n\r\n${ok}Content-Length: 2\r\n\r\nok`),
    )
    const answer = await exchange(port, message(['GET /open/ HTTP/1.0', 'Host: x']))
    expect(answer).toMatch(/^HTTP\/1\.1 200[\s\S]*ok$/)
  })

  it('has 990 headers has all of them forwarded', async () => {
    const lines = Array.from({ length: 990 }, (_, at) => `X-${at}: 1\r\n`).join('')
    const { port } = await openRaw((socket) => socket.end(`${ok}${lines}Content-Length: 0\r\n\r\n`))
    const answer = await ask(port)
    expect(statusOf(answer)).toBe(200)
    expect(answer.match(/\r\nX-\d+: 1(?=\r\n)/g)).toHaveLength(990)
  })

  it('does not accept the connection in time causes a 504', async () => {
    // A stopped process accepts nothing, and its backlog of one is full after two connections.
    const program = `const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [text] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGSTOP')
    const upstreamPort = Number(text.toString())
    for (let count = 0; count < 4; count++) {
      const socket = connect(upstreamPort, '127.0.0.1').on('error', () => undefined)
      onTestFinished(() => void socket.destroy())
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
    const upstream = `http://127.0.0.1:${upstreamPort}`
    const { port } = await openGateway({ upstream, limits: { connectTimeout: 0.3 } })
    expectClear(await ask(port), 504)
  })

  it('does not complete the TLS handshake in time causes a 504, as if it could not be connected to', async () => {
    const upstreamPort = await listenWith(createServer((socket) => void socket.on('error', () => undefined)))
    const upstream = `https://127.0.0.1:${upstreamPort}`
    const { port } = await openGateway({ upstream, limits: { connectTimeout: 0.3 } })
    const began = Date.now()
    expectClear(await ask(port), 504)
    // Without the option, it would take at least 5 seconds.
    expect(Date.now() - began).toBeLessThan(5000)
  })

  it.each<[string, (socket: Socket) => void]>([
    ['nothing', () => undefined],
    ['a byte of the head now and then', (socket) => trickle(socket, `${ok}X-A: ${'x'.repeat(200)}`)],
    ['a 1xx response now and then', (socket) => trickle(socket, ['HTTP/1.1 102 Processing\r\n\r\n'])],
  ])('sends %s causes a 504', async (_, answer) => {
    const { port, left } = await openRaw(answer, { limits: { responseTimeout: 0.5 } })
    expectClear(await ask(port), 504)
    await expect.poll(left).toBe(0)
  })

  it.each<[string, string, (socket: Socket) => void]>([
    ['resets the connection before its Content-Length', 'Content-Length: 100', (socket) => socket.resetAndDestroy()],
    ['closes the connection before its Content-Length', 'Content-Length: 100', (socket) => socket.end()],
    ['resets the connection within chunks', 'Transfer-Encoding: chunked', (socket) => socket.resetAndDestroy()],
    ['closes the connection within chunks', 'Transfer-Encoding: chunked', (socket) => socket.end()],
    ['has a chunk without a length', 'Transfer-Encoding: chunked', (socket) => socket.write('zz\r\nmore\r\n')],
    [
      'has a chunk longer than its size',
      'Transfer-Encoding: chunked',
      (socket) => socket.write('1\r\nmore\r\n0\r\n\r\n'),
    ],
    ['resets the connection without a length', 'X-A: 1', (socket) => socket.resetAndDestroy()],
    ['stalls', 'Transfer-Encoding: chunked', () => undefined],
    ['stalls without a length', 'X-A: 1', () => undefined],
  ])('%s has its response aborted', async (_, header, then) => {
    const first = header.startsWith('Transfer') ? '4\r\npart\r\n' : 'part'
    const { port, left } = await openRaw(
      (socket) => socket.write(`${ok}${header}\r\n\r\n${first}`, () => void setTimeout(() => then(socket), 50)),
      { limits: { silence: 0.4 } },
    )
    const answer = await ask(port)
    expect(statusOf(answer)).toBe(200)
    expect(answer).toMatch(/part/)
    expect(answer).not.toMatch(whole)
    await expect.poll(left).toBe(0)
  })

  it('sends more than its Content-Length has the excess dropped, and the connection is not reused', async () => {
    const second = `${ok}Content-Length: 4\r\n\r\nevil`
    const { port, requests } = await openRaw((socket) =>
      socket.write(
        `${ok}Content-Length: ${requests() === 1 ? 2 : 5}\r\n\r\n${requests() === 1 ? `ok${second}` : 'again'}`,
      ),
    )
    expect(await ask(port)).toMatch(/\r\n\r\nok$/)
    expect(await ask(port)).toMatch(/\r\n\r\nagain$/)
  })

  it('sends content in a bodiless response has only that content dropped', async () => {
    for (const [start, status] of [
      ['HEAD /open/', '200 OK'],
      ['GET /open/', '204 No Content'],
      ['GET /open/', '304 Not Modified'],
    ] as const) {
      const { port } = await openRaw((socket) => socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 4\r\n\r\nevil`))
      const answer = await exchange(port, message([`${start} HTTP/1.1`, 'Host: x']))
      expect(answer).toContain(`HTTP/1.1 ${status}`)
      expect(answer).not.toMatch(/evil/)
    }
  })
})

// G14
describe('an API that responds before it has read an upload', () => {
  const size = 8_000_000
  const body = 'x'.repeat(size)
  async function upload(port: number): Promise<string> {
    const init = { method: 'POST', body, headers: { 'content-type': 'text/plain' } }
    return exchange(port, message([...(await signedLines('/events', init)), `Content-Length: ${size}`], body))
  }

  const early = 'HTTP/1.1 413 No\r\nContent-Length: 2\r\n'

  it.each<[string, (socket: Socket) => void]>([
    ['and closes', (socket) => socket.end(`${early}Connection: close\r\n\r\nno`)],
    ['and continues reading slowly', (socket) => socket.pause().write(`${early}\r\nno`, () => readSlowly(socket))],
    ['and stops reading for a while', (socket) => socket.pause().write(`${early}\r\nno`, () => readLater(socket))],
  ])('%s has its response forwarded, and the rest of the upload is not sent', async (_, answer) => {
    const { port, left, bytes } = await openRaw(answer)
    const got = await upload(port)
    expect(statusOf(got), got).toBe(413)
    expect(got).toMatch(/\r\n\r\nno$/)
    await expect.poll(left).toBe(0)
    expect(bytes()).toBeLessThan(size)
  })

  it('with a reset causes a 502', async () => {
    const { port, left } = await openRaw((socket) => socket.resetAndDestroy())
    expectClear(await upload(port), 502)
    await expect.poll(left).toBe(0)
  })
})

// G14
describe('a WebSocket to an API that', () => {
  const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: abc']
  const open = async (port: number) => {
    const lines = await signedLines('/socket', undefined, await byToken('events.read'))
    return exchange(port, `${[...lines, ...handshake].join('\r\n')}\r\n\r\n`)
  }

  it.each<[string, 502 | 504, (socket: Socket) => void]>([
    ['resets', 502, (socket) => socket.resetAndDestroy()],
    ['is not responding', 504, () => undefined],
    ['responds in another protocol', 502, (socket) => socket.end('hello')],
    ['aborts its handshake', 502, (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs')],
  ])('%s is %d', async (_, status, answer) => {
    const { port, left } = await openRaw(answer, { limits: status === 504 ? { responseTimeout: 0.5 } : {} })
    expectClear(await open(port), status)
    await expect.poll(left).toBe(0)
  })
})

// G14
describe('an MCP server that', () => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'look' } }
  const mcp = [{ path: '/mcp', tools: { look: 'events.read' } }]
  async function send(port: number): Promise<string> {
    const text = JSON.stringify(call)
    const accept = { accept: 'application/json, text/event-stream' }
    const init = { ...json(call), headers: { 'content-type': 'application/json', ...accept } }
    const lines = await signedLines('/mcp', init, await byToken('events.read'))
    return exchange(port, message([...lines, `Content-Length: ${text.length}`], text))
  }

  it.each<[string, 502 | 504, (socket: Socket) => void]>([
    ['resets', 502, (socket) => socket.resetAndDestroy()],
    ['is not responding', 504, () => undefined],
    ['responds in another protocol', 502, (socket) => socket.end('hello')],
    ['responds with an invalid status', 502, (socket) => socket.end('HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n')],
    [
      'responds with a status above the range',
      502,
      (socket) => socket.end('HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n'),
    ],
  ])('%s is %d', async (_, status, answer) => {
    const { port, left } = await openRaw(answer, { mcp, limits: status === 504 ? { responseTimeout: 0.5 } : {} })
    expectClear(await send(port), status)
    await expect.poll(left).toBe(0)
  })

  const head = `${ok}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`

  it.each<[string, (socket: Socket) => void]>([
    ['aborts its response', (socket) => socket.resetAndDestroy()],
    ['stalls', () => undefined],
  ])('%s before its content causes a 502, and within its content is cut off', async (_, then) => {
    for (const begun of ['', '5\r\n{"id"\r\n']) {
      const { port, left } = await openRaw(
        (socket) => socket.write(head + begun, () => void setTimeout(() => then(socket), 50)),
        { mcp, limits: { silence: 0.4 } },
      )
      const answer = await send(port)
      if (begun === '') expectClear(answer, 502)
      else expect(answer).not.toMatch(whole)
      await expect.poll(left).toBe(0)
    }
  })
})

// G14
describe('an API that echoes its request headers', () => {
  const echo = (socket: Socket, head: string) => {
    const told = head.split('\r\n').filter((line) => /^x-aauth/i.test(line))
    expect(told.some((line) => line.startsWith('X-AAuth-Assertion: e'))).toBe(true)
    const more = ['x_aauth_assertion: 1', 'X.AAuth.Subject: 1', 'X-AAuth-Status: 1']
    const lines = [...told, ...more].join('\r\n')
    socket.write(`HTTP/1.1 103 Early\r\nLink: </a.css>\r\n${lines}\r\n\r\n`)
    socket.write(`${ok}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n${lines}\r\n\r\n`)
    socket.end(`2\r\n{}\r\n0\r\n${lines}\r\n\r\n`)
  }

  it('has none of them forwarded, on a route or at an MCP server', async () => {
    const { port } = await openRaw(echo, {
      assertion: { signer: resourceSigner },
      mcp: [{ path: '/mcp' }],
      routes,
    })
    const byRoute = await exchange(port, message(await signedLines('/events', undefined, await byToken('events.read'))))
    const lines = await signedLines('/mcp', { headers: { accept: 'text/event-stream' } }, await byToken('events.read'))
    const byMcp = await exchange(port, message(lines))
    for (const answer of [byRoute, byMcp]) {
      expect(statusOf(answer), answer).toBe(200)
      expect(answer).toMatch(/\{\}/)
      expect(answer).not.toMatch(/aauth/i)
    }
  })
})

function readLater(socket: Socket): void {
  setTimeout(() => socket.resume(), 1000)
}

function readSlowly(socket: Socket): void {
  socket.on('data', () => {
    socket.pause()
    setTimeout(() => socket.resume(), 20)
  })
  socket.resume()
}

/** Writes a text byte by byte, or its parts repeatedly, until the reader disconnects. */
function trickle(socket: Socket, text: string | string[]): void {
  let at = 0
  const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), 50)
  socket.once('close', () => clearInterval(timer))
}
