import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { isLong } from '../long.js'
import { createOperatorStage } from './operator-stage.js'

/** Opens connections that send this many bytes of requests and read nothing. */
async function flood(origin: string, { addresses, each, bytes }: { addresses: string[]; each: number; bytes: number }) {
  const { port, host } = new URL(origin)
  const request = `GET /account/sign-in HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const requests = Buffer.from(request.repeat(Math.ceil(bytes / request.length)))
  const sockets: Socket[] = []
  for (const localAddress of addresses)
    for (let count = 0; count < each; count++) {
      const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress }).pause()
      socket.on('error', () => undefined).write(requests)
      sockets.push(socket)
    }
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await sleep(1000)
}

/** Loads the sign-in page from its own address, on a new connection; returns its status, and its duration in milliseconds. */
function load(origin: string): Promise<{ status: number | string; time: number }> {
  const began = performance.now()
  return new Promise((resolve) => {
    const end = (status: number | string) => resolve({ status, time: performance.now() - began })
    get(`${origin}/account/sign-in`, { localAddress: '127.9.9.9', agent: false }, (incoming) => {
      incoming.resume().on('end', () => end(incoming.statusCode ?? 0))
    }).on('error', (error) => end(error.message))
  })
}

async function loads(origin: string, count: number) {
  const all: Awaited<ReturnType<typeof load>>[] = []
  for (let sent = 0; sent < count; sent++) {
    all.push(await load(origin))
    await sleep(100)
  }
  return all
}

// V01
it.each([20, isLong ? 500 : 100])(
  'serves others while %i connections pipeline requests and read nothing, with a heap of 512 MB',
  async (each) => {
    const stage = await createOperatorStage()
    const { child } = await stage.spawnServe({ env: { NODE_OPTIONS: '--max-old-space-size=512' } })
    await flood(stage.issuer, { addresses: ['127.0.0.5'], each, bytes: isLong ? 84_000 : 64_000 })
    const served = await loads(stage.issuer, 10)
    expect(served.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
    if (isLong) expect(Math.max(...served.map(({ time }) => time))).toBeLessThan(1000)
    expect(child.exitCode).toBeNull()
  },
)

// V02
it('serves others while two networks occupy every connection and read nothing', async () => {
  const stage = await createOperatorStage({ limits: { connections: 32 } })
  await stage.spawnServe()
  await flood(stage.issuer, { addresses: ['127.0.0.5', '127.1.0.5'], each: 16, bytes: 28_000 })
  await sleep(3000)
  const served = await loads(stage.issuer, isLong ? 60 : 10)
  expect(served.map(({ status }) => status)).toEqual(served.map(() => 200))
})

it.each([
  ['without Host', 'GET /account/sign-in HTTP/1.1\r\n\r\n'],
  ['with an unknown Expect', 'GET /account/sign-in HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n'],
])('refuses a pipelined request %s in order', async (_, refused) => {
  const stage = await createOperatorStage()
  const { origin } = await stage.serve()
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.setEncoding('latin1').on('data', (data: string) => {
    received += data
  })
  socket.write(`GET /jwks.json HTTP/1.1\r\nHost: a\r\n\r\n${refused}GET /jwks.json HTTP/1.1\r\nHost: a\r\n\r\n`)
  const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  await expect.poll(statuses).toEqual(['200', '400', '200'])
})
