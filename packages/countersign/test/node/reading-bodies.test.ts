import { createServer, connect as openSession } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createNodeListener } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { ReadingBodies } from '../../src/node/reading-bodies.js'
import { fakeChecks } from './fake-checks.js'

const mebibyte = 1_048_576

/** Bodies from some addresses and sessions, and the codes with which they were refused. */
function createBodies(maxBody = mebibyte) {
  const bodies = new ReadingBodies(maxBody)
  function open(address: string, session?: object) {
    const refusals: string[] = []
    const body = bodies.open({ address, session, stop: ({ code }) => refusals.push(code) })
    return { ...body, refusals }
  }
  return { open }
}

const refusedOf = (all: readonly { refusals: readonly string[] }[]) =>
  all.filter(({ refusals }) => refusals.length > 0).length

// V20
it('refuses the largest body of a session that has sent more than 4 MiB of bodies', () => {
  const { open } = createBodies()
  const session = {}
  const small = Array.from({ length: 90 }, () => open('192.0.2.1', session))
  const large = Array.from({ length: 3 }, () => open('192.0.2.1', session))
  for (const body of large) body.add(mebibyte - 16_384)
  const other = open('192.0.2.1', {})
  expect([refusedOf(small), refusedOf(large), refusedOf([other])]).toEqual([0, 1, 0])
  expect(large.flatMap(({ refusals }) => refusals)).toEqual(['unavailable'])
})

// V20
it('refuses bodies of a network over 32 MiB, and in total over 64 MiB those of the network that holds the most', () => {
  const { open } = createBodies()
  const bodiesOf = (network: string, count: number) =>
    Array.from({ length: count }, (_, index) => {
      const body = open(`${network}.${index}`)
      body.add(mebibyte - 16_384)
      return body
    })
  const first = bodiesOf('192.0.2', 40)
  expect(refusedOf(first)).toBe(8)
  const second = bodiesOf('198.51.100', 31)
  const third = bodiesOf('203.0.113', 10)
  expect(refusedOf(third)).toBe(0)
  expect(refusedOf(first) + refusedOf(second)).toBe(8 + 9)
  for (const body of [...first, ...second, ...third]) {
    body.close()
    body.add(mebibyte)
  }
  expect(refusedOf(bodiesOf('192.0.2', 32))).toBe(0)
})

it('always accepts one body of the maximum size', () => {
  const { open } = createBodies(100 * mebibyte)
  const body = open('192.0.2.1', {})
  body.add(100 * mebibyte)
  expect(body.refusals).toEqual([])
})

// V20
it('abandons a body if no byte of it has arrived for 20 seconds', async () => {
  const pass = fakeChecks()
  const { open } = createBodies()
  const stalled = open('192.0.2.1')
  const slow = open('192.0.2.1')
  await pass(19, () => slow.add(1))
  expect(stalled.refusals).toEqual([])
  await pass(1, () => slow.add(1))
  expect([stalled.refusals, slow.refusals]).toEqual([['body_late'], []])
})

// V20
it('refuses unfinished bodies of HTTP/2 sessions of one address, and serves another', async () => {
  const handler = async (request: Request) => new Response(String((await request.arrayBuffer()).byteLength))
  const server = createServer(createNodeListener(handler, { origin: 'https://api.example', replaceGlobals: false }))
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const open = (localAddress: string) => {
    const session = openSession(`http://127.0.0.1:${port}`, {
      createConnection: () => connect({ port, host: '127.0.0.1', localAddress }),
    })
    onTestFinished(() => session.destroy())
    return session.on('error', () => undefined)
  }
  const post = (session: ReturnType<typeof open>) => {
    const stream = session.request({ ':method': 'POST', ':path': '/' })
    const status = new Promise<unknown>((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    stream.on('error', () => undefined).resume()
    return { stream, status }
  }
  const statuses: unknown[] = []
  const session = open('127.0.0.2')
  for (let sent = 0; sent < 10; sent++) {
    const { stream, status } = post(session)
    void status.then((code) => statuses.push(code))
    stream.write(Buffer.alloc(900_000))
  }
  await expect.poll(() => statuses.length).toBe(6)
  expect(statuses).toEqual(Array(6).fill(503))
  const other = post(open('127.0.1.2'))
  other.stream.end(Buffer.alloc(1_000_000))
  expect(await other.status).toBe(200)
})
