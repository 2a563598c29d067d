import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { fakeChecks, until } from './fake-checks.js'

interface Stage {
  /** Opens a connection; `received` is all that the server sent on it. */
  open: () => Promise<{ socket: Socket; received: () => string; isClosed: () => boolean }>
  sockets: Socket[]
  server: Server
}

async function listen(listener: RequestListener): Promise<Stage> {
  const server = createServer(listener)
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  async function open() {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    let isClosed = false
    socket
      .setEncoding('latin1')
      .on('data', (data: string) => {
        received += data
      })
      .on('error', () => undefined)
      .once('close', () => {
        isClosed = true
      })
    onTestFinished(() => void socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    return { socket, received: () => received, isClosed: () => isClosed }
  }
  return { open, sockets, server }
}

const serve = (handler: Handler) => listen(createNodeListener(handler, { origin: 'https://api.example' }))
const get = (path: string, ...lines: string[]) => [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n')
const bodiesOf = (received: string) => [...received.matchAll(/\r\n\r\n(\/\d+)/g)].map(([, path]) => path)
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`)

/** A handler that responds with the path after a delay; `most` is the highest number of concurrent requests. */
function pathHandler(time: (path: string) => number = () => 0) {
  const seen: string[] = []
  let inProgress = 0
  let most = 0
  const handler: Handler = async ({ url }) => {
    const { pathname } = new URL(url)
    seen.push(pathname)
    most = Math.max(most, ++inProgress)
    await sleep(time(pathname))
    inProgress--
    return new Response(pathname)
  }
  return { handler, seen, most: () => most }
}

/** A handler whose responses wait until `release` is called. */
function heldHandler() {
  const seen: string[] = []
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const handler: Handler = async ({ url }) => {
    const { pathname } = new URL(url)
    seen.push(pathname)
    await released
    return new Response(pathname)
  }
  return { handler, seen, release }
}

// V01
it('serves the requests of one connection one at a time, in order', async () => {
  const { handler, seen, release } = heldHandler()
  const { open } = await serve(handler)
  const { socket, received } = await open()
  socket.write(
    numbered(5)
      .map((path) => get(path))
      .join(''),
  )
  await expect.poll(() => seen).toHaveLength(1)
  await sleep(40)
  expect(seen).toEqual(['/0'])
  release()
  await expect.poll(() => bodiesOf(received())).toEqual(numbered(5))
})

it('serves different connections at the same time', async () => {
  const { handler, seen, release } = heldHandler()
  const { open } = await serve(handler)
  for (const path of numbered(3)) (await open()).socket.write(get(path))
  await expect.poll(() => seen.toSorted()).toEqual(numbered(3))
  release()
})

it('responds to every request of a client that pipelines more than 32', async () => {
  const { handler, most } = pathHandler()
  const { open } = await serve(handler)
  const { socket, received } = await open()
  socket.write(
    numbered(200)
      .map((path) => get(path))
      .join(''),
  )
  await expect.poll(() => bodiesOf(received())).toEqual(numbered(200))
  for (const path of numbered(80)) socket.write(get(path, `X-Padding: ${'a'.repeat(5000)}`))
  await expect.poll(() => bodiesOf(received())).toEqual([...numbered(200), ...numbered(80)])
  expect(most()).toBe(1)
})

// V01
it('does not read a connection with 32 waiting requests, and resumes once they were served', async () => {
  const { handler, seen, release } = heldHandler()
  let parsed = 0
  const { open, sockets, server } = await serve(handler)
  server.on('request', () => parsed++)
  const { socket, received } = await open()
  const request = (path: string) => get(path, `X-Padding: ${'a'.repeat(7000)}`)
  for (const path of numbered(2000)) socket.write(request(path))
  await expect.poll(() => parsed).toBeGreaterThanOrEqual(33)
  await sleep(100)
  expect(seen).toEqual(['/0'])
  // One more read of 64 KiB.
  expect(parsed).toBeLessThan(33 + 10)
  expect(sockets[0]?.bytesRead).toBeLessThan(500_000)
  release()
  await expect.poll(() => bodiesOf(received()).length).toBe(2000)
  expect(seen).toEqual(numbered(2000))
})

it('does not resume reading when the client reads the pending responses', async () => {
  let parsed = 0
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(100_000))
        return new Promise((resolve) => setTimeout(resolve, 5))
      },
    })
  const { open, sockets, server } = await serve(() => new Response(endless()))
  server.on('request', () => parsed++)
  const { socket } = await open()
  for (const path of numbered(1000)) socket.write(get(path, `X-Padding: ${'a'.repeat(7000)}`))
  await expect.poll(() => sockets[0]?.bytesWritten).toBeGreaterThan(1_000_000)
  expect(parsed).toBeGreaterThanOrEqual(33)
  expect(parsed).toBeLessThan(33 + 10)
  expect(sockets[0]?.bytesRead).toBeLessThan(500_000)
})

// V01
it('closes a connection that sends thousands of requests at once, and serves the others', async () => {
  const { handler, seen, release } = heldHandler()
  const { open } = await serve(handler)
  const other = await open()
  other.socket.write(get('/1'))
  const flood = await open()
  flood.socket.write(get('/0').repeat(5000))
  await expect.poll(flood.isClosed).toBe(true)
  expect(seen).toEqual(['/1', '/0'])
  release()
  await expect.poll(() => bodiesOf(other.received())).toEqual(['/1'])
  // The slots of the closed connection are free again after a second.
  await sleep(1100)
  const late = await open()
  late.socket.write(
    numbered(500)
      .map((path) => get(path))
      .join(''),
  )
  await expect.poll(() => bodiesOf(late.received())).toHaveLength(500)
})

it('gives more weight to a request with many header lines', async () => {
  const { handler } = heldHandler()
  const { open, server } = await serve(handler)
  let parsed = 0
  server.on('request', () => parsed++)
  const { socket } = await open()
  const many = get('/0', ...Array.from({ length: 900 }, () => 'ab:'))
  for (let count = 0; count < 200; count++) socket.write(many)
  await expect.poll(() => parsed).toBeGreaterThan(2)
  await sleep(100)
  expect(parsed).toBeLessThan(33)
})

it('a waiting request never reaches the handler if its connection closes', async () => {
  const { handler, seen, release } = heldHandler()
  const { open, server } = await serve(handler)
  const { socket } = await open()
  let closed = 0
  server.prependListener('request', (_, outgoing) => outgoing.once('close', () => closed++))
  socket.write(
    numbered(5)
      .map((path) => get(path))
      .join(''),
  )
  await expect.poll(() => seen).toEqual(['/0'])
  socket.destroy()
  await expect.poll(() => closed).toBe(5)
  release()
  await sleep(30)
  expect(seen).toEqual(['/0'])
})

it.each([
  ['the client', 'Connection: close'],
  ['a request whose body is too large', 'Transfer-Encoding: chunked'],
])('a request after one whose connection is closed by %s never reaches the handler', async (_, line) => {
  const { handler, seen } = pathHandler()
  const listener = createNodeListener(handler, { origin: 'https://api.example', maxBody: 10 })
  const { open } = await listen(listener)
  const { socket, received, isClosed } = await open()
  const body = line.startsWith('T') ? `${'64\r\n'}${'a'.repeat(100)}\r\n` : ''
  socket.write(`POST /0 HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n${body}`)
  if (body === '') socket.write(get('/1'))
  await expect.poll(isClosed).toBe(true)
  expect(received().match(/HTTP\/1\.1 \d+/g)).toHaveLength(1)
  expect(seen).not.toContain('/1')
})

it('a request with Expect: 100-continue after another gets 100 Continue and is served in its turn', async () => {
  const { handler } = pathHandler((path) => (path === '/0' ? 50 : 0))
  const { open } = await serve(handler)
  const { socket, received } = await open()
  socket.write(`${get('/0')}POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`)
  await expect.poll(received).toContain('100 Continue')
  socket.write(`abc${get('/2')}`)
  await expect.poll(() => bodiesOf(received())).toEqual(['/0', '/1', '/2'])
})

it('a waiting request keeps the asynchronous context in which it was received', async () => {
  const storage = new AsyncLocalStorage<string>()
  onTestFinished(() => storage.disable())
  const contexts: unknown[] = []
  const listener = createNodeListener(
    async () => {
      contexts.push(storage.getStore())
      await sleep(5)
      return new Response()
    },
    { origin: 'https://api.example' },
  )
  const { open } = await listen((incoming, outgoing) =>
    storage.run(String(incoming.url), () => listener(incoming, outgoing)),
  )
  const { socket } = await open()
  socket.write(
    numbered(4)
      .map((path) => get(path))
      .join(''),
  )
  await expect.poll(() => contexts).toEqual(numbered(4))
})

// V02
it.each([
  ['whole', () => new Response(new Uint8Array(20_000_000))],
  [
    'streamed',
    () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) })),
  ],
])('closes a connection whose client reads nothing of a %s response for 20 seconds', async (_, handler) => {
  const pass = fakeChecks()
  const { open, sockets } = await serve(handler)
  const { socket } = await open()
  socket.pause()
  socket.write(get('/0'))
  await until(() => (sockets[0]?.writableLength ?? 0) > 0)
  await sleep(50)
  await pass(20)
  expect(sockets[0]?.destroyed).toBe(false)
  await pass(1)
  expect(sockets[0]?.destroyed).toBe(true)
})

it('does not close a connection whose client reads slowly, or waits for a response', async () => {
  const pass = fakeChecks()
  const { handler, release, seen } = heldHandler()
  const { open, sockets } = await serve((request, received) =>
    request.url.endsWith('/large') ? new Response(new Uint8Array(50_000_000)) : handler(request, received),
  )
  const slow = await open()
  slow.socket.pause()
  slow.socket.write(get('/large'))
  const waiting = await open()
  waiting.socket.write(get('/0'))
  await until(() => seen.length === 1)
  const sent = () => (sockets[0]?.bytesWritten ?? 0) - (sockets[0]?.writableLength ?? 0)
  let seconds = 0
  await pass(60, async () => {
    if (++seconds % 10 !== 0) return
    // On loopback, the kernel accepts more from the server after every 2 MB that the client reads.
    const enough = slow.received().length + 3_000_000
    const sentBefore = sent()
    const pauseSoon = () => slow.received().length > enough && slow.socket.pause()
    slow.socket.on('data', pauseSoon).resume()
    // The server notices in a later turn, and the checks do not wait for it.
    await until(() => slow.received().length > enough && sent() > sentBefore)
    slow.socket.off('data', pauseSoon)
  })
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false])
  release()
  await until(() => bodiesOf(waiting.received()).length === 1)
})
