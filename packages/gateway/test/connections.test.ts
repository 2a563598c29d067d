import { connect, type Socket } from 'node:net'
import type { CountersignEvent } from 'countersign'
import { createGateway } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange, message, openGateway, signedLines, statusOf } from './gateway-stage.js'

interface Held {
  socket: Socket
  isOpen: () => boolean
}

/** Opens connections from addresses in 127.0.0.0/8 and sends the given text on each. */
async function hold(port: number, count: number, localAddress: (at: number) => string, said = ''): Promise<Held[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: localAddress(at) })
      let isOpen = true
      socket.on('error', () => undefined)
      socket.on('close', () => {
        isOpen = false
      })
      onTestFinished(() => void socket.destroy())
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
      if (said !== '') socket.write(said)
      socket.resume()
      return { socket, isOpen: () => isOpen }
    }),
  )
}

const openOf = (held: readonly Held[]) => held.filter(({ isOpen }) => isOpen()).length
const halfAHead = 'GET /open/ HTTP/1.1\r\nHost: x\r\nX-Slow: '

// G22
// G60
it('no cache stores the response to a request that cannot be parsed', async () => {
  const { port } = await openGateway()
  const answer = await exchange(port, message(['GET /open/ HTTP/1.1', 'Host: x', `X-Long: ${'a'.repeat(40_000)}`]))
  expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*\r\nCache-Control: no-store\r\n/)
})

describe('clients that open many connections and send nothing, or half a head', () => {
  const limits = { connections: 100, connectionsPerAddress: 30 }

  it.each(['', halfAHead])('from one address use only that address’s share, and block no one (%j)', async (said) => {
    const told: CountersignEvent[] = []
    const { port } = await openGateway({ limits, onEvent: (event) => void told.push(event) })
    const held = await hold(port, 300, () => '127.0.0.2', said)
    await expect.poll(() => openOf(held)).toBe(30)
    expect(told.filter(({ kind }) => kind === 'connection')).toHaveLength(270)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => exchange(port, message(await signedLines('/signed')))),
    )
    expect(answers.map(statusOf)).toEqual(answers.map(() => 200))
  })

  it('from four addresses of one network use half of all connections', async () => {
    const { port } = await openGateway({ limits })
    const held = await hold(port, 120, (at) => `127.0.5.${1 + (at % 4)}`, halfAHead)
    await expect.poll(() => openOf(held)).toBe(50)
    expect(statusOf(await exchange(port, message(await signedLines('/signed'))))).toBe(200)
    expect(openOf(held)).toBe(50)
  })

  it('from many addresses use only spare connections, while legitimate clients are served', async () => {
    let endSlow = () => undefined as unknown
    const { port, arrived } = await openGateway({ limits }, ({ url }, outgoing) => {
      if (url === '/open/slow') endSlow = () => outgoing.end('done')
      else outgoing.end('done')
    })
    const slow = exchange(port, message(['GET /open/slow HTTP/1.1', 'Host: x']))
    await expect.poll(() => arrived.length).toBe(1)
    const anywhere = (at: number) => `127.${1 + (at % 200)}.${at % 7}.1`
    const held = await hold(port, 400, anywhere, halfAHead)
    await expect.poll(() => openOf(held)).toBeLessThan(100)
    for (let round = 0; round < 10; round++) {
      const more = hold(port, 50, anywhere, halfAHead)
      expect(statusOf(await exchange(port, message(await signedLines('/signed'))))).toBe(200)
      await more
    }
    // This request began before all of them.
    endSlow()
    expect(statusOf(await slow)).toBe(200)
  })

  it('through a trusted proxy are limited by the proxy: its address is exempt from the limit per address', async () => {
    const { port } = await openGateway({ limits, trustProxy: ['127.0.0.3'] })
    const held = await hold(port, 60, () => '127.0.0.3', halfAHead)
    const direct = await hold(port, 60, () => '127.0.0.4', halfAHead)
    await expect.poll(() => openOf(direct)).toBe(30)
    expect(openOf(held)).toBe(60)
  })
})

it('returns 503 immediately above the limit if all connections are busy', async () => {
  const told: CountersignEvent[] = []
  const onEvent = (event: CountersignEvent) => void told.push(event)
  const given = { limits: { connections: 3 }, onEvent }
  const { port, arrived, gateway, options } = await openGateway(given, () => undefined)
  await hold(port, 3, (at) => `127.0.${at}.1`, message(['GET /open/ HTTP/1.1', 'Host: x']))
  await expect.poll(() => arrived.length).toBe(3)
  // The client sends nothing, so no data is in flight when the connection is closed.
  expect(statusOf(await exchange(port, ''))).toBe(503)
  expect(told).toEqual([{ kind: 'connection', role: 'gateway', outcome: 'refused' }])
  gateway.use({ ...options, limits: { connections: 10 } })
  await hold(port, 1, () => '127.0.4.1', message(['GET /open/ HTTP/1.1', 'Host: x']))
  // A limit can change at run time.
  await expect.poll(() => arrived.length).toBe(4)
})

it('aborts a head that arrives too slowly, and closes an idle connection', async () => {
  const { port, gateway } = await openGateway()
  expect(gateway.server).toMatchObject({ headersTimeout: 15_000, keepAliveTimeout: 75_000 })
  gateway.server.headersTimeout = 1000
  gateway.server.keepAliveTimeout = 500
  const [slow] = await hold(port, 1, () => '127.0.0.1', halfAHead)
  const trickle = setInterval(() => slow?.socket.write('x'), 200)
  onTestFinished(() => clearInterval(trickle))
  const [idle] = await hold(port, 1, () => '127.0.0.1', 'GET /open/ HTTP/1.1\r\nHost: x\r\n\r\n')
  await expect.poll(() => idle?.isOpen()).toBe(false)
  await expect.poll(() => slow?.isOpen()).toBe(false)
})

it('rejects invalid limits', async () => {
  const { options } = await openGateway()
  for (const limits of [{ connections: 0 }, { connectionsPerAddress: -1 }])
    expect(() => createGateway({ ...options, limits })).toThrow(/limits\.connections(?:PerAddress)? must be/)
})
