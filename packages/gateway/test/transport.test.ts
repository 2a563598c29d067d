import { once } from 'node:events'
import { METHODS, type RequestListener } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import type { Route } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, statusOf } from './gateway-stage.js'

const open = [{ method: '*', path: '/*', require: 'none' }] as const

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A client whose connection stays open, and the data received so far. */
function openClient(port: number): { socket: Socket; heard: () => string; isClosed: () => boolean } {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  let isClosed = false
  socket.setEncoding('latin1')
  socket
    .on('data', (text: string) => {
      heard += text
    })
    .on('error', () => undefined)
    .once('close', () => {
      isClosed = true
    })
  onTestFinished(() => void socket.destroy())
  return { socket, heard: () => heard, isClosed: () => isClosed }
}

/** A gateway in front of a program that receives each connection. */
async function openRaw(onConnection: (socket: Socket) => void, routes: readonly Route[] = open) {
  const upstream = createServer((socket) => {
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  const port = await listenWith(upstream as never)
  return openGateway({ routes, upstream: `http://127.0.0.1:${port}` })
}

/**
 * A program that reads the head of a request and responds to it, repeatedly on one connection. It leaves content unread, as many small
 * servers do, and parses it as the next request.
 */
async function openCareless() {
  const asked: string[] = []
  const { port } = await openRaw((socket) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        asked.push(head)
        const isLast = /\r\nconnection: close/i.test(head)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${isLast ? 'Connection: close\r\n' : ''}\r\nok`)
        if (isLast) return void socket.end()
      }
    })
  })
  return { port, asked }
}

const forged = 'DELETE /admin HTTP/1.1\r\nHost: x\r\nX-AAuth-Level: authorization\r\nX-AAuth-Subject: ada\r\n\r\n'

describe('G19: content that the API leaves unread', () => {
  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('of %s does not become a separate request', async (method) => {
    const { port, asked } = await openCareless()
    const lines = [`${method} /a HTTP/1.1`, 'Host: x', `Content-Length: ${forged.length}`]
    expect(statusOf(await exchange(port, message(lines, forged)))).toBe(200)
    expect(statusOf(await exchange(port, message(['GET /b HTTP/1.1', 'Host: x'])))).toBe(200)
    await sleep(50)
    expect(asked.map((head) => head.split(' ', 2).join(' '))).toEqual([`${method} /a`, 'GET /b'])
  })

  it.each([
    ['GET', `Content-Length: ${forged.length}`, forged],
    ['HEAD', `Content-Length: ${forged.length}`, forged],
    ['GET', 'Transfer-Encoding: chunked', `${forged.length.toString(16)}\r\n${forged}\r\n0\r\n\r\n`],
  ])('of %s is rejected', async (method, line, body) => {
    const { port, asked } = await openCareless()
    expect(statusOf(await exchange(port, message([`${method} /a HTTP/1.1`, 'Host: x', line], body)))).toBe(400)
    expect(asked).toEqual([])
  })
})

describe('G19: a request without content', () => {
  const methods = METHODS.filter((method) => !['CONNECT', 'TRACE'].includes(method))
  const routes = methods.map((method) => ({ method, path: '/*', require: 'none' }) as const)

  it.each(methods)('of %s consists of nothing but its head on the connection to the API', async (method) => {
    const received: string[] = []
    const { port } = await openRaw((socket) => {
      const at = received.push('') - 1
      socket.on('data', (chunk: Buffer) => {
        received[at] += chunk.toString('latin1')
        if (chunk.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      })
    }, routes)
    for (const lines of [[], ['Content-Length: 0'], []])
      expect(statusOf(await exchange(port, message([`${method} /a HTTP/1.1`, 'Host: x', ...lines])))).toBe(200)
    await sleep(20)
    // HEAD ends its connection.
    expect(received).toHaveLength(method === 'HEAD' ? 3 : 1)
    const heads = received.join('').split('\r\n\r\n')
    expect(heads.pop()).toBe('')
    expect(heads).toHaveLength(3)
    for (const head of heads) {
      expect(head).toMatch(new RegExp(`^${method} /a HTTP/1\\.1\\r\\n`))
      expect(head).not.toMatch(/\r\ntransfer-encoding:/i)
      expect(/\r\ncontent-length: *(.*)/i.exec(head)?.[1] ?? '0').toBe('0')
    }
  })
})

describe('G19: content in a response that has none', () => {
  const stolen = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen'

  it.each([
    ['to HEAD', 'HEAD /a HTTP/1.1', `HTTP/1.1 200 OK\r\nContent-Length: ${stolen.length}\r\n\r\n`],
    ['of 304', 'GET /a HTTP/1.1', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
    ['of 204', 'GET /a HTTP/1.1', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['after its end', 'GET /a HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ])('%s does not become another client’s response', async (_, line, head) => {
    const { port } = await openRaw((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (!chunk.includes(' /a ')) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nme')
        socket.write(head)
        setTimeout(() => socket.write(stolen), 20)
      })
    })
    const attacker = openClient(port)
    attacker.socket.write(`${line}\r\nHost: x\r\n\r\n`)
    await expect.poll(attacker.heard).toMatch(/\r\n\r\n/)
    await sleep(60)
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => exchange(port, message(['GET /b HTTP/1.1', 'Host: x']))),
    )
    for (const answer of answers) expect(answer).toMatch(/\r\n\r\nme$/)
  })
})

describe('G19: the connection to the API', () => {
  const headOf = (status: string) => `HTTP/1.1 ${status}\r\n\r\n`

  it.each([
    ['is used again after a response with content', 'GET', headOf('200 OK\r\nContent-Length: 0'), 1],
    ['is closed after a response to HEAD', 'HEAD', headOf('200 OK\r\nContent-Length: 4'), 2],
    ['is closed after a 204', 'GET', headOf('204 No Content'), 2],
    ['is closed after a 304', 'GET', headOf('304 Not Modified'), 2],
  ])('%s', async (_what, method, head, expected) => {
    let connections = 0
    const { port } = await openRaw((socket) => {
      connections++
      socket.on('data', () => socket.write(head))
    })
    for (let times = 0; times < 2; times++) {
      const response = await exchange(port, message([`${method} /a HTTP/1.1`, 'Host: x']))
      expect(response).toContain(head.split('\r\n', 1)[0])
    }
    expect(connections).toBe(expected)
  })
})

describe('G20: pipelined requests on one connection', () => {
  const slow: RequestListener = (incoming, outgoing) =>
    void setTimeout(() => outgoing.end(incoming.url), incoming.url === '/1' ? 200 : 0)

  it('get their responses in order, one at a time', async () => {
    let endFirst = () => undefined as unknown
    const { port, upstream, arrived } = await openGateway({ routes: open }, ({ url }, outgoing) => {
      if (url === '/1') endFirst = () => outgoing.end(url)
      else outgoing.end(url)
    })
    let connections = 0
    upstream.on('connection', () => connections++)
    const { socket, heard } = openClient(port)
    for (const path of ['/1', '/2', '/3']) socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await expect.poll(() => arrived.length).toBeGreaterThan(0)
    await sleep(100)
    expect(arrived.map(({ url }) => url)).toEqual(['/1'])
    endFirst()
    await expect.poll(heard).toMatch(/\/1[\s\S]*\/2[\s\S]*\/3$/)
    expect(connections).toBe(1)
  })

  it('close the connection if thousands arrive at once', async () => {
    const { port, arrived } = await openGateway({ routes: open }, () => undefined)
    const { socket, isClosed } = openClient(port)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5000))
    await expect.poll(isClosed).toBe(true)
    expect(arrived.length).toBeLessThan(2)
  })

  it('are not read beyond 32 that wait', async () => {
    const { port, gateway, arrived } = await openGateway({ routes: open }, () => undefined)
    let parsed = 0
    gateway.server.on('request', () => parsed++)
    const { socket, isClosed } = openClient(port)
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Padding: ${'a'.repeat(7000)}\r\n\r\n`.repeat(1000))
    await expect.poll(() => parsed).toBeGreaterThan(32)
    await sleep(100)
    expect(parsed).toBeLessThan(50)
    expect([isClosed(), arrived.length]).toEqual([false, 1])
  })

  it('that include a protocol upgrade end the connection, and nothing else', async () => {
    const { port } = await openGateway({ routes: open }, slow)
    const { socket, isClosed } = openClient(port)
    const upgrade = 'GET /2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    socket.write(`GET /1 HTTP/1.1\r\nHost: x\r\n\r\n${upgrade}`)
    await expect.poll(isClosed).toBe(true)
    expect(statusOf(await exchange(port, message(['GET /3 HTTP/1.1', 'Host: x'])))).toBe(200)
  })

  it.each([
    ['has no Host header', 'GET / HTTP/1.1\r\n\r\n'],
    ['has an unknown expectation', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n'],
    ['gets an immediate response', 'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['is a preflight', 'OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n'],
    ['requests a document', 'GET /jwks.json HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('with an upgrade after one that %s at most end the connection', async (_, first) => {
    const { port } = await openGateway({ routes: [{ method: 'GET', path: '/3', require: 'none' }] })
    const { socket, heard } = openClient(port)
    socket.write(`${first}GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    await sleep(100)
    expect(heard()).not.toMatch(/ 101 /)
    expect(statusOf(await exchange(port, message(['GET /3 HTTP/1.1', 'Host: x'])))).toBe(200)
  })

  it('after one that ends the connection are not served', async () => {
    const { port, arrived } = await openGateway({ routes: open }, slow)
    const first = 'GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const { socket, heard, isClosed } = openClient(port)
    socket.write(`${first}POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)
    await expect.poll(isClosed).toBe(true)
    await sleep(50)
    expect(heard().match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(arrived.map(({ url }) => url)).not.toContain('/2')
  })

  it.each([
    ['a preflight', ['OPTIONS /1 HTTP/1.1', 'Origin: https://a.example', 'Access-Control-Request-Method: GET']],
    ['a rejected request', ['POST /nowhere HTTP/1.1']],
    ['a document request', ['POST /jwks.json HTTP/1.1']],
  ])('with an endless body after %s end the connection', async (_, lines) => {
    const routes = [{ method: 'GET', path: '/1', require: 'none' }] as const
    const { port } = await openGateway({ routes, cors: { origins: '*' } })
    const { socket, heard, isClosed } = openClient(port)
    socket.write(`${[...lines, 'Host: x', 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`)
    const more = setInterval(() => socket.write('5\r\nabcde\r\n'), 20)
    onTestFinished(() => clearInterval(more))
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 [245]/)
    await expect.poll(isClosed).toBe(true)
  })

  it('leave nothing on disk if their client disconnects', async () => {
    const limits = { uploads: 8_000_000 }
    const { port } = await openGateway({ routes: open, limits }, (incoming, outgoing) => {
      if (incoming.url !== '/slow') outgoing.end('ok')
    })
    const body = Buffer.alloc(3_000_000, 'a')
    const upload = ['POST /up HTTP/1.1', 'Host: x', 'Content-Type: text/plain', `Content-Length: ${body.length}`]
    for (let turn = 0; turn < 2; turn++) {
      const { socket } = openClient(port)
      socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
      socket.write(`${upload.join('\r\n')}\r\n\r\n`)
      socket.write(body)
      await sleep(150)
      socket.destroy()
    }
    await expect.poll(async () => statusOf(await exchange(port, [message(upload), body]))).toBe(200)
  })
})

it('takes the upload limit from the current options', async () => {
  const { port, gateway, options } = await openGateway({ routes: open, limits: { uploads: 2_000_000 } })
  const body = Buffer.alloc(2_000_000, 'a')
  const lines = ['POST /up HTTP/1.1', 'Host: x', 'Content-Type: text/plain', `Content-Length: ${body.length}`]
  expect(statusOf(await exchange(port, [message(lines), body]))).toBe(503)
  gateway.use({ ...options, limits: { uploads: 8_000_000 } })
  expect(statusOf(await exchange(port, [message(lines), body]))).toBe(200)
})

it('G23: an upload that was sent leaves room for others, however long its response lasts', async () => {
  const { port } = await openGateway({ routes: open, limits: { uploads: 8_000_000 } }, (incoming, outgoing) => {
    if (incoming.url === '/now') return void outgoing.end('ok')
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    outgoing.write('data: 1\n\n')
  })
  const body = Buffer.alloc(3_000_000, 'a')
  const lines = (path: string) => [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    'Content-Type: text/plain',
    `Content-Length: ${body.length}`,
  ]
  const { socket, heard } = openClient(port)
  socket.write(`${lines('/events').join('\r\n')}\r\n\r\n`)
  socket.write(body)
  await expect.poll(heard).toMatch(/data: 1/)
  await expect.poll(async () => statusOf(await exchange(port, [message(lines('/now')), body]))).toBe(200)
})

// To parse them takes long on a slow machine.
it('G23: tiny chunks use no more memory than their content', { timeout: 180_000 }, async () => {
  const { port, gateway } = await openGateway({ routes: open })
  let bytesRead = () => 0
  gateway.server.once('connection', (socket: Socket) => {
    bytesRead = () => socket.bytesRead
  })
  /** Garbage varies: the minimum of several readings is the retained memory. */
  async function kept(): Promise<number> {
    const seen: number[] = []
    for (let turn = 0; turn < 40; turn++) {
      JSON.parse(JSON.stringify(Array.from({ length: 100_000 }, (_, at) => at)))
      await sleep(5)
      const { heapUsed, external } = process.memoryUsage()
      seen.push(heapUsed + external)
    }
    return Math.min(...seen)
  }
  const before = await kept()
  const { socket } = openClient(port)
  socket.write('POST /up HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunks = '1\r\na\r\n'.repeat(10_000)
  for (let turn = 0; turn < 60; turn++) await new Promise((sent) => socket.write(chunks, sent))
  await expect.poll(bytesRead, { timeout: 150_000 }).toBeGreaterThan(60 * chunks.length)
  expect((await kept()) - before).toBeLessThan(30_000_000)
})

describe('a connection', () => {
  it('to the API is closed if it responded before it read everything that was sent', async () => {
    let connections = 0
    const { port } = await openRaw((socket) => {
      connections++
      socket.once('close', () => connections--)
      socket.once('data', () => {
        socket.pause()
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        setTimeout(() => socket.resume(), 500)
      })
    })
    const body = Buffer.alloc(12_000_000, 'a')
    const lines = ['POST /up HTTP/1.1', 'Host: x', 'Content-Type: text/plain', `Content-Length: ${body.length}`]
    const { socket, heard } = openClient(port)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    socket.write(body)
    await expect.poll(heard).toMatch(/\r\n\r\nok$/)
    await expect.poll(() => connections).toBe(0)
  })

  it('of a client whose protocol upgrade was rejected is closed, even if the client keeps its end open', async () => {
    const { port } = await openGateway({ routes: [] })
    const { socket, heard, isClosed } = openClient(port)
    socket.setTimeout(0)
    const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    half.on('error', () => undefined)
    onTestFinished(() => void half.destroy())
    const upgrade = 'GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    socket.write(upgrade)
    half.write(upgrade)
    await expect.poll(heard).toMatch(/^HTTP\/1\.1 404/)
    await expect.poll(isClosed).toBe(true)
    half.resume()
    await once(half, 'end')
    const isRefused = () => {
      half.write('x')
      return half.destroyed
    }
    await expect.poll(isRefused, { interval: 500 }).toBe(true)
  })
})

describe('G21: 1xx responses of the API', () => {
  it.each([
    ['a plain link', 'Link: </a.css>; rel=preload; as="style"'],
    ['no link', 'Link: nothing'],
    ['endless parameters', `Link: <x>${';a=b'.repeat(2000)}"!"`],
    ['a long URL', `Link: <${'a'.repeat(5000)}>`],
  ])('are not forwarded: %s', async (_, line) => {
    const { port } = await openRaw((socket) => {
      socket.once('data', () => {
        for (let at = 0; at < 20; at++) socket.write(`HTTP/1.1 103 Early Hints\r\n${line}\r\n\r\n`)
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      })
    })
    const { user } = process.cpuUsage()
    const response = await exchange(port, message(['GET / HTTP/1.1', 'Host: x']))
    expect(response).toMatch(/^HTTP\/1\.1 200[\s\S]*ok$/)
    expect(process.cpuUsage().user - user).toBeLessThan(2_000_000)
  })
})

describe('a response', () => {
  const answered = async (text: string) => {
    const { port } = await openRaw((socket) => void socket.once('data', () => socket.end(Buffer.from(text, 'latin1'))))
    return exchange(port, message(['GET / HTTP/1.1', 'Host: x']))
  }

  it.each(['101 Switching Protocols', '099 Odd', '600 Odd', '000 Odd'])(
    'with the status %s becomes a 502',
    async (status) => {
      expect(statusOf(await answered(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nok`))).toBe(502)
    },
  )

  it('keeps the bytes of its headers', async () => {
    expect(await answered('HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok')).toContain('caf\xe9\r\n')
  })

  it('keeps the bytes of its headers if its content arrives later', async () => {
    const { port } = await openRaw((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from('HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\n', 'latin1'))
        setTimeout(() => socket.end('ok'), 100)
      })
    })
    expect(await exchange(port, message(['GET / HTTP/1.1', 'Host: x']))).toContain('caf\xe9\r\n')
  })

  it('keeps all of its header lines, or becomes a 502', async () => {
    const lines = (count: number) => Array.from({ length: count }, (_, at) => `X-${at}: y\r\n`).join('')
    const text = (count: number) => `HTTP/1.1 200 OK\r\n${lines(count)}Content-Length: 2\r\n\r\nok`
    expect(await answered(text(999))).toContain('X-998: y')
    expect(statusOf(await answered(text(3000)))).toBe(502)
  })

  it('without content has no length', async () => {
    expect(await answered('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n')).not.toMatch(/content-length/i)
  })
})

describe('forwarding headers of proxies', () => {
  const lines = [
    'GET /a HTTP/1.1',
    'Host: x',
    'X-Forwarded-Prefix: /v1',
    'X-Forwarded-Uri: /v1/a',
    'X-Forwarded-Port: 443',
  ]

  it('are not forwarded, and are rejected only from untrusted peers', async () => {
    const trusted = await openGateway({ routes: open, trustProxy: ['127.0.0.1'] })
    expect(statusOf(await exchange(trusted.port, message(lines)))).toBe(200)
    expect(Object.keys(trusted.arrived[0]?.headers ?? {}).filter((name) => /prefix|uri|port/.test(name))).toEqual([])
    const { port } = await openGateway({ routes: open })
    expect(statusOf(await exchange(port, message(lines)))).toBe(400)
  })

  it('are also rejected from trusted proxies if they describe another request', async () => {
    const { port } = await openGateway({ routes: open, trustProxy: ['127.0.0.1'] })
    for (const line of ['X-HTTP-Method-Override: DELETE', 'X-Original-URL: /admin'])
      expect(statusOf(await exchange(port, message(['GET /a HTTP/1.1', 'Host: x', line])))).toBe(400)
  })
})
