import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, connect as openSession } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type ConnectionShares, limitConnections } from '../../src/node/limit-connections.js'
import { certificateOf } from '../discovery/tls-server.js'
import { fakeChecks, until } from './fake-checks.js'

interface Client {
  socket: Socket
  isOpen: () => boolean
  /** Sends a request and waits for the response. */
  ask: (path?: string) => Promise<string>
}

/** A server on loopback whose responses to `/held` wait, and clients from any address in 127.0.0.0/8. */
async function startServer(
  idlePerAddress: number | undefined,
  shares: Partial<ConnectionShares> = {},
  prepare: (server: Server) => void = () => undefined,
) {
  const held: ServerResponse[] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    if (incoming.url === '/held') held.push(outgoing)
    else if (incoming.url === '/large') outgoing.end(Buffer.alloc(50_000_000))
    else if (incoming.method === 'POST') incoming.resume().once('end', () => outgoing.end('answer'))
    else outgoing.end('answer')
  })
  prepare(server)
  limitConnections(server, { idlePerAddress, perNetwork: 100, isExempt: () => false, ...shares })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })

  async function open(localAddress = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    let closed = false
    socket.on('close', () => {
      closed = true
    })
    // Unread data would keep the socket from reporting that the connection closed.
    socket.on('error', () => undefined).on('data', () => undefined)
    onTestFinished(() => void socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    await expect.poll(() => connectionsOf(server)).toBeGreaterThan(0)
    return {
      socket,
      isOpen: () => !closed,
      ask: async (path = '/') => {
        const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
        socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`)
        return answered
      },
    }
  }
  return { server, held, open, port }
}

const connectionsOf = (server: ReturnType<typeof createServer>) =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))

const openOf = (clients: readonly Client[]) => clients.map(({ isOpen }) => isOpen())
const settled = () => new Promise((resolve) => setTimeout(resolve, 30))
/** One turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function several<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let index = 0; index < count; index++) made.push(await make())
  return made
}

it('one address holds up to the limit: the connections idle longest are closed, and another address is not affected', async () => {
  const { open } = await startServer(3)
  const other = await open('127.0.0.2')
  const clients = await several(3, open)
  await settled()
  expect(openOf(clients)).toEqual([true, true, true])
  clients.push(...(await several(2, open)))
  await expect.poll(() => openOf(clients)).toEqual([false, false, true, true, true])
  expect(other.isOpen()).toBe(true)
  expect(await other.ask()).toContain('answer')
})

it('a connection with a running request is not idle, and is idle again after the response', async () => {
  const { open, held } = await startServer(2)
  const busy = await open()
  const answer = busy.ask('/held')
  await expect.poll(() => held).toHaveLength(1)
  const idle = await several(2, open)
  await settled()
  expect(openOf([busy, ...idle])).toEqual([true, true, true])
  held[0]?.end('late')
  expect(await answer).toContain('200 OK')
  await expect.poll(() => openOf([busy, ...idle])).toEqual([true, false, true])
  expect(await busy.ask()).toContain('answer')
})

it('a connection whose request lacks its body is idle, with a length or chunked, until the body has arrived', async () => {
  const { open } = await startServer(3)
  const unfinished = await several(6, open)
  for (const [index, { socket }] of unfinished.entries()) {
    const framing = index % 2 === 0 ? 'content-length: 10' : 'transfer-encoding: chunked'
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n${index % 2 === 0 ? 'a' : '1\r\na\r\n'}`)
  }
  await expect.poll(() => openOf(unfinished)).toEqual([false, false, false, true, true, true])
  const answered = new Promise<string>((resolve) => unfinished[3]?.socket.once('data', (data) => resolve(String(data))))
  unfinished[3]?.socket.write('0\r\n\r\n')
  expect(await answered).toContain('200 OK')
})

it('a request whose body arrived with its head, or later, is not idle until the response is sent', async () => {
  const { open, held } = await startServer(2)
  const together = await open()
  together.socket.write('POST /held HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab')
  const later = await open()
  later.socket.write('POST /held HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n')
  await expect.poll(() => held).toHaveLength(2)
  held[1]?.req.resume()
  later.socket.write('ab')
  await settled()
  const idle = await several(3, open)
  await expect.poll(() => openOf([together, later, ...idle])).toEqual([true, true, false, true, true])
})

it('one network holds no more than its share, whatever its requests do; idle connections are closed first, and other networks are not affected', async () => {
  const { open, held } = await startServer(10, { perNetwork: 4 })
  const idle = await open('127.0.0.9')
  const busy = await several(4, async () => {
    const client = await open(`127.0.0.${held.length + 1}`)
    void client.ask('/held')
    await expect.poll(() => held.some((outgoing) => outgoing.socket?.remotePort === client.socket.localPort)).toBe(true)
    return client
  })
  // The client learns a little later that the connection was closed.
  await expect.poll(() => openOf([idle, ...busy])).toEqual([false, true, true, true, true])
  const late = await open('127.0.0.7')
  await expect.poll(() => late.isOpen()).toBe(false)
  expect(await (await open('127.0.1.1')).ask()).toContain('answer')
  held[0]?.end('late')
  busy[0]?.socket.destroy()
  await expect.poll(async () => (await open('127.0.0.7')).ask().then(String)).toContain('answer')
})

it('closes all excess connections if they arrive at the same time', async () => {
  const { open } = await startServer(3)
  const clients = await Promise.all(Array.from({ length: 20 }, () => open()))
  await expect.poll(() => openOf(clients).filter(Boolean)).toHaveLength(3)
})

it('a request sent in pieces, or after another, counts once', async () => {
  const { open, held } = await startServer(1)
  const client = await open()
  client.socket.write('GET /held HTTP/1.1\r\nhost: a\r\n\r\nGET /held HTTP/1.1\r\nhost: a\r\n\r\n')
  await expect.poll(() => held).toHaveLength(2)
  held[0]?.end('first')
  const slow = await open()
  slow.socket.write('GET / HTTP/1.1\r\n')
  await settled()
  expect(openOf([client, slow]), 'the second request on the first connection is still running').toEqual([true, true])
  held[1]?.end('second')
  await expect.poll(() => openOf([client, slow])).toEqual([true, false])
})

it('closed connections are not counted: an address may connect again', async () => {
  const { open } = await startServer(2)
  for (let round = 0; round < 20; round++) {
    const clients = await several(2, open)
    for (const client of clients) expect(await client.ask()).toContain('answer')
    for (const { socket } of clients) socket.destroy()
    await settled()
  }
  const last = await several(2, open)
  await settled()
  expect(openOf(last)).toEqual([true, true])
})

// V18
it('does not count the connections of a trusted proxy, not even in total', async () => {
  const { open } = await startServer(1, { total: 3, perNetwork: 3, isExempt: (peer) => peer === '127.0.0.1' })
  const proxied = await several(5, open)
  const direct = await several(2, () => open('127.0.0.3'))
  await expect.poll(() => openOf(direct)).toEqual([false, true])
  expect(openOf(proxied)).toEqual([true, true, true, true, true])
})

// G22
it('in total: the connection idle longest is closed for a new one, and busy ones are not', async () => {
  const { open, held } = await startServer(undefined, { total: 4 })
  const busy = await open()
  void busy.ask('/held')
  await expect.poll(() => held).toHaveLength(1)
  const idle = await several(3, () => open('127.0.0.2'))
  const late = await open('127.0.9.9')
  await expect.poll(() => openOf([busy, ...idle, late])).toEqual([true, false, true, true, true])
  expect(await late.ask()).toContain('200 OK')
})

it('in total: if every connection is busy and no network holds more, a new connection receives 503 and is closed', async () => {
  const { open, held, server } = await startServer(undefined, { total: 2 })
  const busy = [await open('127.0.1.1'), await open('127.0.2.1')]
  for (const client of busy) void client.ask('/held')
  await expect.poll(() => held).toHaveLength(2)
  const late = await open('127.0.3.1')
  const heard = new Promise<string>((resolve) => late.socket.once('data', (data) => resolve(String(data))))
  expect(await heard).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 5[\s\S]*\r\n\r\nToo many connections\.\n$/)
  await expect.poll(() => late.isOpen()).toBe(false)
  held[0]?.end('done')
  await settled()
  expect(await (await open('127.0.3.1')).ask()).toContain('200 OK')
  expect(await connectionsOf(server)).toBe(2)
})

/** Keeps connections from some addresses busy. */
async function holdBusy({ open, held }: Awaited<ReturnType<typeof startServer>>, addresses: string[]) {
  const clients: (Client & { answer: Promise<string> })[] = []
  for (const address of addresses) {
    const client = await open(address)
    clients.push({ ...client, answer: client.ask('/held') })
    await expect.poll(() => held).toHaveLength(clients.length)
  }
  return clients
}

// V18
it('in total: the network that holds the most loses its oldest busy connection to one that holds fewer', async () => {
  const outcomes: string[] = []
  const server = await startServer(undefined, { total: 16, onClosed: (outcome) => void outcomes.push(outcome) })
  const other = await server.open('127.0.9.1')
  const busy = await holdBusy(
    server,
    [...Array(8).fill(1), ...Array(7).fill(2)].map((network) => `127.0.${network}.1`),
  )
  const late = await server.open('127.0.3.1')
  expect(await late.ask()).toContain('200 OK')
  // Its response may still be sent.
  server.held[0]?.end('in time')
  expect(await busy[0]?.answer).toContain('in time')
  await expect.poll(() => busy[0]?.isOpen()).toBe(false)
  expect(openOf([other, late, ...busy.slice(1)])).toEqual(Array(16).fill(true))
  // The network that holds the most displaces no connection of one that holds fewer, idle or not.
  const refused = await server.open('127.0.1.9')
  await expect.poll(() => refused.isOpen()).toBe(false)
  expect(openOf([other, late])).toEqual([true, true])
  expect(outcomes).toEqual(['displaced', 'refused'])
})

// V18
it('in total: a displaced connection has a second for its response, and only a few are displaced at a time', async () => {
  const server = await startServer(undefined, { total: 16 })
  const busy = await holdBusy(server, Array(16).fill('127.0.1.1'))
  const ends = server.held.slice(0, 4).map(({ socket }) => socket)
  const destroyed = () => ends.map((socket) => socket?.destroyed)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const late = await Promise.all([2, 3, 4, 5].map((network) => server.open(`127.0.${network}.1`)))
  for (const client of late) void client.ask('/held')
  const isClosed = ({ isOpen }: Client) => !isOpen()
  while (server.held.length < 20 || busy.filter(isClosed).length < 2) await turn()
  vi.advanceTimersByTime(999)
  expect(destroyed()).toEqual([false, false, true, true])
  vi.advanceTimersByTime(1)
  expect(destroyed()).toEqual([true, true, true, true])
  while (!busy.slice(0, 4).every(isClosed)) await turn()
  expect(openOf(busy.slice(4))).toEqual(Array(12).fill(true))
})

it('per address, whether or not a request is sent', async () => {
  const { open, held } = await startServer(undefined, { perAddress: 2 })
  const busy = await several(2, open)
  for (const client of busy) void client.ask('/held')
  await expect.poll(() => held).toHaveLength(2)
  const late = await open()
  await expect.poll(() => openOf([...busy, late])).toEqual([true, true, false])
  expect(await (await open('127.0.0.2')).ask()).toContain('200 OK')
})

it('an upload counts as busy if the head already makes a connection busy, and so does another protocol', async () => {
  const { open, server } = await startServer(undefined, { total: 3 })
  const { open: openBusy, server: other } = await startServer(undefined, { total: 3, busyFrom: 'head' }, (one) =>
    one.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')),
  )
  for (const [make, isOpen] of [
    [open, false],
    [openBusy, true],
  ] as const) {
    const upload = await make()
    const arrived = once(isOpen ? other : server, 'request')
    upload.socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\na')
    await arrived
    await settled()
    if (isOpen) {
      const changed = await make()
      const answer = new Promise<string>((resolve) => changed.socket.once('data', (data) => resolve(String(data))))
      changed.socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      expect(await answer).toContain('101')
      await several(4, make)
      await settled()
      expect(changed.isOpen()).toBe(true)
    } else await several(4, make)
    await expect.poll(() => upload.isOpen()).toBe(isOpen)
  }
  expect(await connectionsOf(server)).toBe(3)
  expect(await connectionsOf(other)).toBe(3)
})

// V02
it('in total: the connection that has not been read for longest is closed before a new one is refused', async () => {
  const pass = fakeChecks()
  const { open, held, server } = await startServer(undefined, { total: 4 })
  const ends: Socket[] = []
  server.on('connection', (socket: Socket) => ends.push(socket))
  const waiting = await open('127.0.0.2')
  waiting.socket.write('GET /held HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => held.length === 1)
  const unread: Client[] = []
  for (const address of ['127.0.1.1', '127.0.2.1', '127.0.3.1']) {
    const client = await open(address)
    unread.push(client)
    client.socket.pause()
    client.socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n')
    await until(() => (ends.at(-1)?.writableLength ?? 0) > 0)
    await settled()
    await pass(1)
  }
  await pass(2)
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([false, false, false, false])
  const first = await open('127.0.4.1')
  await until(() => ends[1]?.destroyed === true)
  expect(await first.ask()).toContain('200 OK')
  // Idle connections are closed first.
  const second = await open('127.0.5.1')
  await until(() => !first.isOpen())
  expect(await second.ask()).toContain('200 OK')
  second.socket.write('GET /held HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => held.length === 2)
  await open('127.0.6.1')
  await until(() => ends[2]?.destroyed === true)
  expect([waiting.isOpen(), second.isOpen(), ends[3]?.destroyed]).toEqual([true, true, false])
})

it('a client that reads slowly keeps its connection, and so does one that resumes reading', async () => {
  const pass = fakeChecks()
  const { open, server } = await startServer(undefined, { total: 1 })
  const ends: Socket[] = []
  server.on('connection', (socket: Socket) => ends.push(socket))
  const slow = await open('127.0.1.1')
  slow.socket.pause()
  slow.socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => (ends[0]?.writableLength ?? 0) > 0)
  await settled()
  await pass(5)
  let length = 0
  slow.socket.on('data', (data: Buffer) => {
    length += data.length
  })
  slow.socket.resume()
  await until(() => length > 50_000_000)
  slow.socket.pause()
  slow.socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => (ends[0]?.writableLength ?? 0) > 0)
  await settled()
  await pass(2)
  const late = await open('127.0.2.1')
  await until(() => !late.isOpen())
  expect(ends[0]?.destroyed).toBe(false)
  await pass(1)
  expect(await (await open('127.0.2.1')).ask()).toContain('200 OK')
  expect(ends[0]?.destroyed).toBe(true)
})

it('per network: connections that are not read make room for others of the same network', async () => {
  const pass = fakeChecks()
  const { open, server } = await startServer(undefined, { perNetwork: 2 })
  const ends: Socket[] = []
  server.on('connection', (socket: Socket) => ends.push(socket))
  for (const address of ['127.0.1.1', '127.0.1.2']) {
    const { socket } = await open(address)
    socket.pause()
    socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n')
    await until(() => (ends.at(-1)?.writableLength ?? 0) > 0)
  }
  await settled()
  await pass(3)
  expect(await (await open('127.0.1.3')).ask()).toContain('200 OK')
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([true, false, false])
})

/** Sends a GET over TLS, and reads nothing of its response. */
function askByTls(port: number, localAddress: string, path: string): void {
  const socket = connectTls({ socket: connect({ port, host: '127.0.0.1', localAddress }), rejectUnauthorized: false })
  socket.on('error', () => undefined).pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`)
  onTestFinished(() => void socket.destroy())
}

/** The same over HTTP/2. */
function askByHttp2(port: number, localAddress: string, path: string): void {
  const session = openSession(`http://127.0.0.1:${port}`, {
    createConnection: () => connect({ port, host: '127.0.0.1', localAddress }),
  })
  session.on('error', () => undefined)
  session.request({ ':path': path }).on('error', () => undefined)
  onTestFinished(() => session.destroy())
}

function tlsServer(listener: RequestListener): Server {
  const { pem, privateKey } = certificateOf('localhost')
  return createTlsServer({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: pem }, listener)
}

it.each([
  ['TLS', tlsServer, askByTls],
  ['HTTP/2', (listener: RequestListener) => createHttp2Server(listener as never) as never as Server, askByHttp2],
] as const)('over %s, a connection that is not read is closed before a new one is refused', async (_, create, ask) => {
  const pass = fakeChecks()
  const held: unknown[] = []
  const server = create((incoming, outgoing) => {
    if (incoming.url === '/held') held.push(outgoing)
    else outgoing.end(Buffer.alloc(50_000_000))
  })
  const ends: Socket[] = []
  server.on('connection', (socket: Socket) => ends.push(socket))
  limitConnections(server, { total: 2, isExempt: () => false })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  onTestFinished(() => {
    for (const socket of ends) socket.destroy()
    server.close()
  })
  ask(port, '127.0.1.1', '/held')
  await until(() => held.length === 1)
  ask(port, '127.0.2.1', '/large')
  await until(() => ends.length === 2)
  await settled()
  await pass(4, settled)
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([false, false])
  ask(port, '127.0.3.1', '/held')
  await until(() => held.length === 2)
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([false, true, false])
})

// V18
it('counts an HTTP/2 session as busy while one of its requests is in progress', async () => {
  const held: { end: (text: string) => unknown }[] = []
  const server = createHttp2Server((incoming, outgoing) => {
    if (incoming.url === '/held') held.push(outgoing)
    else outgoing.end('answer')
  })
  limitConnections(server, { total: 10, idlePerAddress: 1, isExempt: () => false })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  onTestFinished(() => void server.close())
  const open = () => {
    const session = openSession(`http://127.0.0.1:${port}`).on('error', () => undefined)
    onTestFinished(() => session.destroy())
    return session
  }
  const busy = open()
  const stream = busy.request({ ':path': '/held' }).on('error', () => undefined)
  await expect.poll(() => held).toHaveLength(1)
  const idle = [open(), open()]
  await expect.poll(() => [busy, ...idle].map(({ closed }) => closed)).toEqual([false, true, false])
  const response = new Promise<unknown>((resolve) => stream.once('response', (head) => resolve(head[':status'])))
  held[0]?.end('done')
  expect(await response).toBe(200)
  await expect.poll(() => idle[1]?.closed).toBe(true)
})
