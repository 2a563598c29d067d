import { EventEmitter, once } from 'node:events'
import { type ClientHttp2Session, constants, createServer, connect as openSession } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { SessionStreams } from '../../src/node/session-streams.js'
import { headersFrame, resetFrame } from '../attacks/raw-http2.js'
import { fakeChecks, until } from './fake-checks.js'

async function serve(handler: Handler) {
  const server = createServer(createNodeListener(handler, { origin: 'https://api.example', replaceGlobals: false }))
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  async function open(settings = {}) {
    const session = openSession(`http://127.0.0.1:${port}`, { settings })
    session.on('error', () => undefined)
    onTestFinished(() => session.destroy())
    await new Promise((resolve) => session.once('remoteSettings', resolve))
    return session
  }
  return { open, port, server, sockets }
}

function request(session: ClientHttp2Session, path = '/') {
  const stream = session.request({ ':path': path })
  let status: unknown
  let length = 0
  stream.on('response', (headers) => {
    status = headers[':status']
  })
  stream.on('data', (data: Buffer) => {
    length += data.length
  })
  stream.on('error', () => undefined)
  return { stream, status: () => status, length: () => length }
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A handler whose responses wait until `release` is called. */
function heldHandler() {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let calls = 0
  const handler: Handler = async () => {
    calls++
    await released
    return new Response('done')
  }
  return { handler, calls: () => calls, release }
}

it('informs clients that a session may have 100 concurrent requests', async () => {
  const { open } = await serve(() => new Response('done'))
  const session = await open()
  const { status } = request(session)
  await expect.poll(status).toBe(200)
  await expect.poll(() => session.remoteSettings.maxConcurrentStreams).toBe(100)
})

// V01
it('refuses the streams of a client that opens more than 100 before it receives the setting, and serves it again later', async () => {
  const { handler, calls, release } = heldHandler()
  const { open } = await serve(handler)
  const session = await open()
  const all = Array.from({ length: 150 }, () => request(session))
  await expect
    .poll(() => all.filter(({ stream }) => stream.rstCode === constants.NGHTTP2_REFUSED_STREAM).length)
    .toBe(50)
  await expect.poll(calls).toBe(100)
  release()
  await expect.poll(() => all.filter(({ status }) => status() === 200).length).toBe(100)
  const late = request(session)
  await expect.poll(late.status).toBe(200)
})

const onStream = (id: number, frame: Buffer): Buffer => {
  const copy = Buffer.from(frame)
  copy.writeUInt32BE(id, 5)
  return copy
}

// V01
it('closes the session of a client that opens and immediately resets streams and ignores the settings', async () => {
  const { handler, calls } = heldHandler()
  const { port } = await serve(handler)
  const head = headersFrame(
    [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '/'],
    ],
    { end: true },
  )
  const streams = Array.from({ length: 400 }, (_, count) => 2 * count + 1)
  const emptySettings = Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0)
  const socket = connect(port, '127.0.0.1')
  let isClosed = false
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isClosed = true
    })
  onTestFinished(() => void socket.destroy())
  socket
    .resume()
    .write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        emptySettings,
        ...streams.flatMap((id) => [onStream(id, head), onStream(id, resetFrame())]),
      ]),
    )
  await expect.poll(() => isClosed).toBe(true)
  expect(calls()).toBeLessThanOrEqual(100)
})

// V01
it('counts a request that the client reset for as long as its handler runs', async () => {
  const { handler, calls, release } = heldHandler()
  const { open } = await serve(handler)
  const session = await open()
  for (let round = 0; round < 6; round++) {
    const streams = Array.from({ length: 30 }, () => request(session).stream)
    await sleep(20)
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
    await sleep(5)
  }
  expect(calls()).toBeLessThanOrEqual(100)
  const other = await open()
  const { status } = request(other)
  release()
  await expect.poll(status).toBe(200)
})

/** The streams of a session without a network, whose requests arrive and are reset when the test says so. */
function streamsAlone() {
  const codes: unknown[] = []
  const destroyed: unknown[] = []
  const session = {
    localSettings: { maxConcurrentStreams: 100 },
    destroy: (_error: unknown, code: unknown) => destroyed.push(code),
  }
  const streams = new SessionStreams(session as never)
  let calls = 0
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const serve = () => {
    calls++
    return released
  }
  function add(): () => void {
    const stream = Object.assign(new EventEmitter(), {
      writableLength: 0,
      closed: false,
      close(code: unknown) {
        codes.push(code)
        reset()
      },
    })
    const reset = () => {
      stream.closed = true
      stream.emit('close')
    }
    streams.add(stream as never, serve)
    return reset
  }
  return { add, codes, destroyed, streams, calls: () => calls, release }
}

const { NGHTTP2_REFUSED_STREAM: refused, NGHTTP2_ENHANCE_YOUR_CALM: calm } = constants

// V01
it('calls the handlers of exactly 100 requests that are reset at once, refuses 100 more, and closes the session', () => {
  const { add, calls, codes, destroyed } = streamsAlone()
  for (let sent = 0; sent < 200; sent++) add()()
  expect([calls(), codes.length, destroyed]).toEqual([100, 100, []])
  add()
  expect([calls(), codes.length, destroyed]).toEqual([100, 100, [calm]])
})

// V01
it('counts reset requests until their handlers are done', async () => {
  const { add, calls, codes, release } = streamsAlone()
  for (let round = 0; round < 6; round++) {
    const resets = Array.from({ length: 30 }, add)
    for (const reset of resets) reset()
  }
  expect([calls(), codes.length]).toEqual([100, 80])
  release()
  await sleep(0)
  for (let sent = 0; sent < 100; sent++) add()
  expect([calls(), codes.length]).toEqual([200, 80])
})

// V17
it('counts a request that was reset before its turn as in progress until the next check', () => {
  const { add, calls, codes, streams } = streamsAlone()
  for (let count = 0; count < 40; count++) streams.countReset()
  for (let sent = 0; sent < 61; sent++) add()
  expect([calls(), codes]).toEqual([60, [refused]])
  streams.closeStalled()
  for (let sent = 0; sent < 41; sent++) add()
  expect([calls(), codes]).toEqual([100, [refused, refused]])
})

// V17
it('never serves the requests of sessions that closed before their turn', async () => {
  const { handler, calls, release } = heldHandler()
  const { open, sockets } = await serve(handler)
  const sessions = await Promise.all(Array.from({ length: 20 }, () => open()))
  for (const session of sessions) for (let sent = 0; sent < 100; sent++) request(session)
  while (calls() === 0) await sleep(0)
  for (const session of sessions) session.destroy()
  await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true)
  await sleep(20)
  const before = calls()
  expect(before).toBeLessThan(1000)
  await sleep(200)
  expect(calls()).toBe(before)
  const { status } = request(await open())
  release()
  await expect.poll(status).toBe(200)
})

// V02
it('closes a stream whose client opens no window for 20 seconds, and serves the others of the session', async () => {
  const pass = fakeChecks()
  const { open, sockets } = await serve(
    ({ url }) => new Response(new Uint8Array(url.endsWith('/large') ? 1_000_000 : 10)),
  )
  const session = await open()
  const stalled = session.request({ ':path': '/large' })
  stalled.on('error', () => undefined).pause()
  await once(stalled, 'response')
  await sleep(100)
  let served = 0
  await pass(20, async () => {
    const { length } = request(session, '/small')
    await until(() => length() === 10)
    served++
  })
  expect([served, stalled.destroyed]).toEqual([20, false])
  await pass(1)
  await until(() => stalled.rstCode === constants.NGHTTP2_CANCEL)
  expect(sockets[0]?.destroyed).toBe(false)
  const late = request(session, '/small')
  await until(() => late.length() === 10)
})

// V02
it('closes a session whose client opens no window at all', async () => {
  const pass = fakeChecks()
  const { open, sockets } = await serve(() => new Response('more than nothing'))
  const session = await open({ initialWindowSize: 0 })
  const all = Array.from({ length: 50 }, () => request(session))
  await until(() => all.filter(({ status }) => status() === 200).length === 50)
  await pass(19)
  expect(sockets[0]?.destroyed).toBe(false)
  await pass(2)
  await until(() => sockets[0]?.destroyed === true)
})

it('refuses further requests of a session that does not read 1 MiB of responses', async () => {
  let calls = 0
  const { open } = await serve(() => {
    calls++
    return new Response(new Uint8Array(60_000))
  })
  const session = await open({ initialWindowSize: 0 })
  for (let count = 0; count < 40; count++) {
    const { stream, status } = request(session)
    await expect.poll(() => status() === 200 || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM).toBe(true)
    await sleep(1)
  }
  expect(calls).toBeLessThan(20)
})

it('does not close a stream whose client reads slowly', async () => {
  const pass = fakeChecks()
  const { open, sockets } = await serve(() => new Response(new Uint8Array(10_000_000)))
  const session = await open()
  const stream = session.request({ ':path': '/' })
  let length = 0
  stream.on('data', (data: Buffer) => {
    length += data.length
  })
  stream.pause()
  await sleep(100)
  let seconds = 0
  await pass(60, async () => {
    if (++seconds % 10 !== 0) return
    const enough = length + 200_000
    const pauseSoon = () => length > enough && stream.pause()
    stream.on('data', pauseSoon).resume()
    await until(() => length > enough)
    stream.off('data', pauseSoon)
  })
  expect([sockets[0]?.destroyed, stream.destroyed]).toEqual([false, false])
})
