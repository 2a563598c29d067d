import { createHash } from 'node:crypto'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { fakeTime, need } from '../../../../test/needs.js'
import { allow, openRequest, redeem, redemption, signForm, view } from '../attacks/flow.js'
import { isLong } from '../long.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { temporaryFile } from '../storage/temporary-file.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { report } from './report.js'

let server: PostgresServer

beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

/** Seconds by which the server's clock jumps, while those of the database and of the agent keep the correct time. */
const jumps = isLong ? [90, -90, 3600, -3600, -Math.floor(Date.now() / 1000) + 1000] : [-3600]

/** Returns the same stage for an agent and a browser whose clock agrees with the server's. */
function withClock(stage: FaultStage, ahead: number): FaultStage {
  const clock = {
    get now() {
      return Math.floor(Date.now() / 1000) + ahead
    },
  }
  return { ...stage, clock }
}

it('the server’s clock jumps: nothing that has expired becomes valid again, and clock_skew is reported (F7)', {
  timeout: 240_000,
}, async () => {
  need('a clock for one process')
  const { url, name } = await server.createDatabase()
  const stage = await openFaultStage({ database: url, isPatient: true })
  const [instance] = stage.instances
  const readyz = async () => (await fetch(`${instance?.admin}/readyz`)).text()
  const { user } = await view(stage, await openRequest(stage))
  for (const ahead of jumps) {
    const ended = await allow(stage, undefined, {}, { user })
    await server.query('update code set expires_at = extract(epoch from now())::bigint - 1', name)
    const alive = await allow(stage, undefined, {}, { user })
    expect((await redeem(stage, alive)).status).toBe(200)
    await instance?.end('SIGTERM')
    const sign = ahead < 0 ? '' : '+'
    await instance?.start({ LD_PRELOAD: fakeTime, FAKETIME: `${sign}${ahead}`, DONT_FAKE_MONOTONIC: '1' })
    expect(await readyz()).toMatch(/^not ready: clock_skew: This machine’s clock is \d+ seconds (ahead of|behind)/)
    // An agent with the correct time signs with a timestamp that the server rejects.
    expect((await redeem(stage, ended)).status).toBe(401)
    const sameClock = withClock(stage, ahead)
    const refused = await sameClock.fetch(await signForm(sameClock, redemption(ended)))
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('invalid_grant')])
    await stage.expectWhole()
    await instance?.end('SIGTERM')
    expect((await instance?.process.finished)?.stdout.match(/"event":"clock_skew"/g)).toHaveLength(1)
    await instance?.start()
    expect(await readyz()).toBe('ready\n')
    expect((await redeem(stage, await allow(stage, undefined, {}, { user }))).status).toBe(200)
  }
  report('F7 on PostgreSQL', { jumps: jumps.length, 'expired codes': jumps.length })
})

it('the clock of SQLite storage never goes back, even when the file is opened again (F7)', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const start = 2_000_000_000
  const path = temporaryFile()
  const at = (seconds: number) => vi.setSystemTime(seconds * 1000)
  const open = () => {
    const storage = sqliteStorage(path, { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    return storage
  }
  at(start)
  const first = open()
  await first.claimIssuer('https://auth.example')
  for (const jump of [-90, -3600, -start]) {
    at(start + jump)
    expect(await first.readClock()).toBe(start)
    expect(await open().readClock()).toBe(start)
  }
  at(start + 10)
  expect(await first.readClock()).toBe(start + 10)
  at(start + 5)
  expect(await first.readClock()).toBe(start + 10)
  report('F7 on SQLite', { jumps: 4 })
})

it('on SQLite, no nonce is accepted twice because the clock jumped ahead and back (F7)', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const start = 2_000_000_000
  const at = (seconds: number) => vi.setSystemTime(seconds * 1000)
  const storage = sqliteStorage(temporaryFile(), { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const source = { agent: 'https://agent.example', thumbprint: 'A', network: '192.0.2.0/24' }
  const claim = (name: string, lifetime: number) => storage.claimNonce({ key: sha256(name), lifetime, source })
  at(start)
  expect(await claim('used', 120)).toBe(true)
  for (const ahead of [90, 120, 185, 400, 3600]) {
    at(start + ahead)
    expect(await claim(`at ${ahead}`, 120)).toBe(true)
    await storage.sweep()
    at(start + 10)
    if (ahead < 110) expect(await claim('used', 110)).toBe(false)
    else await expect(claim('used', 110)).rejects.toThrow(`is ${ahead - 10} seconds behind an earlier reading`)
  }
  // If the clock is behind by less than the lifetime of a nonce, new nonces are accepted: used ones are still stored.
  at(start + 3600 - 60)
  expect(await claim('new', 120)).toBe(true)
  report('F7: nonces on SQLite', { jumps: 5 })
})

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
