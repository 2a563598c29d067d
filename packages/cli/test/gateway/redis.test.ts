import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createValkey, hasValkey, type Valkey } from '../../../../test/valkey.js'
import { runWithout } from '../../../countersign/test/run-without.js'
import { type Running, startCommand } from '../run-command.js'
import { runInProcess } from '../run-program.js'
import { type Configured, configure, newSigner, send, signedPost } from './configuration.js'

interface Gateways extends Configured {
  /** Their ports. */
  ports: number[]
  /** The requests that reached the API. */
  arrived: () => number
  running: Running[]
}

/** Two gateways for one API, as on two machines. */
async function startTwo(redis: string, flags: string[] = []): Promise<Gateways> {
  let arrived = 0
  const given = { redis, instances: 2, trustProxy: ['127.0.0.1'] }
  const configured = await configure((_, outgoing) => {
    arrived++
    outgoing.end('done')
  }, given)
  const other = { port: await freePort(), adminPort: await freePort() }
  const env = {
    COUNTERSIGN_GATEWAY_LISTEN_PORT: String(other.port),
    COUNTERSIGN_GATEWAY_ADMIN_PORT: String(other.adminPort),
  }
  const args = ['gateway', 'start', '--config', configured.file, ...flags]
  const running = [startCommand(args), startCommand(args, env)]
  for (const each of running) {
    onTestFinished(() => void each.child.kill('SIGKILL'))
    await each.seen(flags.length > 0 ? /(?:Protecting [\s\S]*){2}/ : /Protecting /)
  }
  return { ...configured, ports: [configured.port, other.port], arrived: () => arrived, running }
}

const count = (statuses: readonly number[], status: number) => statuses.filter((each) => each === status).length
const soon = (time: number) => new Promise((resolve) => setTimeout(resolve, time))

describe.skipIf(!hasValkey())('gateways on several machines', () => {
  let valkey: Valkey
  beforeAll(async () => {
    valkey = await createValkey()
    await valkey.start()
  })
  afterAll(() => valkey.remove())

  // G12
  it.each([
    ['with one process', []],
    ['with two processes', ['--workers', '2']],
  ])('accept a signed request once across all gateways, and count rates together, each %s', async (_, flags) => {
    const { id, ports, arrived, running } = await startTwo(valkey.url, flags)
    const one = await signedPost(id)
    const statuses = await Promise.all(Array.from({ length: 8 }, (__, at) => send(one, ports[at % 2] as number)))
    expect([count(statuses, 200), count(statuses, 401)]).toEqual([1, 7])
    expect(arrived()).toBe(1)
    // Ten per minute for a key that proves no agent.
    const signer = await newSigner()
    const more: number[] = []
    for (let at = 0; at < 14; at++)
      more.push(await send(await signedPost(id, signer), ports[at % 2] as number, '192.0.2.2'))
    expect([count(more, 200), count(more, 429)]).toEqual([10, 4])
    for (const { child, finished } of running) {
      child.kill('SIGTERM')
      expect((await finished).status).toBe(0)
    }
  })

  it('reject signed requests immediately, and only those, while the store is unreachable, and recover automatically', async () => {
    const { id, port, ports, adminPort, arrived, running } = await startTwo(valkey.url)
    const ready = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).text()
    expect(await ready()).toBe('ready\n')
    const answered: { request: Request; status: number; took: number; at: number }[] = []
    let isOver = false
    let addresses = 0
    async function load(of: number): Promise<void> {
      while (!isOver) {
        const request = await signedPost(id)
        const began = performance.now()
        const from = `198.51.${(addresses >> 8) & 255}.${addresses++ & 255}`
        const status = await send(request, ports[of % 2] as number, from)
        answered.push({ request, status, took: performance.now() - began, at: performance.now() })
        await soon(10)
      }
    }
    const loads = Promise.all(Array.from({ length: 6 }, (_, of) => load(of)))
    const answeredWith = (status: number) => answered.filter((each) => each.status === status).length
    await expect.poll(() => answeredWith(200)).toBeGreaterThan(20)
    const lostAt = performance.now()
    await valkey.stop('SIGKILL')
    const goneAt = performance.now()
    await expect.poll(ready).toBe('not ready: Redis is not responding\n')
    expect((await fetch(`http://127.0.0.1:${port}/open/1`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource`)).status).toBe(200)
    await expect.poll(() => answeredWith(503)).toBeGreaterThan(20)
    const foundAt = performance.now()
    const reached = arrived()
    await valkey.start()
    await expect.poll(ready).toBe('ready\n')
    await expect.poll(arrived).toBeGreaterThan(reached + 20)
    isOver = true
    await loads
    const statuses = (from: number, to: number) =>
      answered.filter(({ at, took }) => at - took > from && at < to).map(({ status }) => status)
    const before = statuses(0, lostAt)
    expect(count(before, 200)).toBe(before.length)
    const lost = statuses(goneAt, foundAt)
    expect(lost.length).toBeGreaterThan(10)
    expect(count(lost, 503)).toBe(lost.length)
    expect(Math.max(...answered.map(({ took }) => took))).toBeLessThan(30_000)
    expect(answered.filter(({ status }) => ![200, 503].includes(status))).toEqual([])
    // A request that was accepted is not accepted again, by either gateway.
    const taken = answered.filter(({ status }) => status === 200).slice(-40)
    const again = await Promise.all(
      taken.map(({ request }, at) => send(request, ports[at % 2] as number, `203.0.113.${at}`)),
    )
    expect(count(again, 401)).toBe(taken.length)
    const seen = await Promise.all(
      running.map(async ({ child, finished }) => {
        child.kill('SIGTERM')
        return finished
      }),
    )
    for (const { status, stdout, stderr } of seen) {
      expect(status).toBe(0)
      expect(stdout.match(/"event":"redis\.lost"/g)).toHaveLength(1)
      expect(stdout.match(/"event":"redis\.found"/g)).toHaveLength(2)
      expect(stderr).toMatch(/Redis is not responding\. Until it responds/)
    }
  })

  it('reject while the store hangs, without waiting for it, and recover afterwards', async () => {
    const { id, port, adminPort } = await startTwo(valkey.url)
    valkey.signal('SIGSTOP')
    expect(await send(await signedPost(id), port, '192.0.2.4')).toBe(503)
    expect((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(503)
    valkey.signal('SIGCONT')
    const ready = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status
    await expect.poll(ready).toBe(200)
    expect(await send(await signedPost(id), port, '192.0.2.4')).toBe(200)
  })

  it('start without the store, and become ready when it is reachable', async () => {
    await valkey.stop('SIGTERM')
    const { id, port, adminPort } = await startTwo(valkey.url)
    expect(await send(await signedPost(id), port)).toBe(503)
    await valkey.start()
    const ready = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status
    await expect.poll(ready).toBe(200)
    expect(await send(await signedPost(id), port)).toBe(200)
  })
})

// G12
it('refuse to start as several instances without a shared store, and name the setting', async () => {
  const { file } = await configure(() => undefined, { instances: 2 })
  const { status, stderr } = await runInProcess('gateway', 'start', '--config', file)
  expect(status).toBe(2)
  expect(stderr).toMatch(/instances: is 2, so each instance would accept the same signed request once: set redis/)
  const wrong = await configure(() => undefined, { instances: 2, redis: 'http://user:hidden@x' })
  const { stderr: said } = await runInProcess('gateway', 'start', '--config', wrong.file)
  expect(said).toMatch(/redis: must be the URL of Redis or Valkey/)
  expect(said).not.toContain('hidden')
})

it('reports how to install the store’s client if it is missing', async () => {
  const program = `await import('countersign-gateway/redis').catch(({ name, message }) => console.log(name, message))`
  expect(await runWithout('@redis/client', program, import.meta.dirname)).toBe(
    'MissingPackageError countersign-gateway/redis needs a package that is not installed: npm install @redis/client@6',
  )
})
