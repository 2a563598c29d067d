import { writeFileSync } from 'node:fs'
import { decodeToken } from 'countersign/tokens'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fakeTime, need } from '../../../../test/needs.js'
import { askPerson, openConsent, openPerson, poll, problemIn } from '../editions/draft-11/person-stage.js'
import { createScriptedUser } from '../scripted-user.js'
import { type PostgresServer, startCluster } from '../storage/postgres/postgres-server.js'
import { temporaryFile } from '../storage/temporary-file.js'
import type { FaultStage } from './fault-stage.js'
import { openPersonFaults } from './person-faults.js'
import { durationLimit, report } from './report.js'

let cluster: PostgresServer

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.close())

const patience = { timeout: 240_000 }

/** A clock for the server's process, which can jump while the process runs. */
function fakeClock() {
  const file = temporaryFile()
  const jump = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}`)
  jump(0)
  const env = {
    LD_PRELOAD: fakeTime,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    DONT_FAKE_MONOTONIC: '1',
  }
  return { jump, env }
}

/** How often the server has looked up the requests for which polls wait. */
async function lookups({ instances: [instance] }: FaultStage): Promise<number> {
  const metrics = await (await fetch(`${instance?.admin}/metrics`)).text()
  return Number(
    /^countersign_storage_duration_seconds_count\{verb="findPolledStates"\} (\d+)$/m.exec(metrics)?.[1] ?? 0,
  )
}

const now = () => Math.floor(Date.now() / 1000)

/** The same stage, for an agent whose clock agrees with the server's. */
function withClock<S extends FaultStage>(stage: S, ahead: number): S {
  const clock = {
    get now() {
      return now() + ahead
    },
  }
  return { ...stage, clock }
}

it(
  'the server’s clock jumps while a poll waits and the page is open: the database decides what has expired (F19)',
  patience,
  async () => {
    need('a clock for one process')
    const { url, name } = await cluster.createDatabase()
    const { jump, env } = fakeClock()
    const stage = await openPersonFaults({ database: url, env })
    const readyz = async () => (await fetch(`${stage.instances[0]?.admin}/readyz`)).text()
    const by = { ...stage.by, exp: now() + 4 * 3600 }
    for (const ahead of [3600, -3600]) {
      const expired = await openPerson(stage, { prompt: 'consent' }, by)
      await cluster.query('update auth_request set expires_at = extract(epoch from now())::bigint - 1', name)
      const open = await openPerson(stage, { prompt: 'consent' }, by)
      const { user, html, url: page } = await openConsent(stage, open.page)
      const held = poll(stage, open.location, { ...by, wait: 20 })
      jump(ahead)
      await expect.poll(readyz).toMatch(/^not ready: clock_skew/)
      // An agent with the correct time signs with a timestamp that the server rejects.
      const refused = await poll(stage, open.location, { ...by, wait: 1 })
      expect([refused.status, refused.headers.get('signature-error')]).toEqual([401, expect.any(String)])
      expect(await (await user.submit(html, page, { consent: 'grant' })).text()).toContain('data-state="return-to-app"')
      const delivered = await held
      expect(delivered.status).toBe(200)
      const { iat, exp } = decodeToken((await delivered.json()).person_token)?.payload ?? {}
      expect(Math.abs(Number(iat) - now())).toBeLessThan(60)
      expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(3600)
      const late = await poll(withClock(stage, ahead), expired.location, { ...by, wait: 1 })
      expect(await problemIn(late)).toMatchObject({ status: 408, error: 'expired' })
      jump(0)
      await expect.poll(readyz).toBe('ready\n')
      expect((await poll(stage, open.location, { ...by, wait: 1 })).status).toBe(410)
    }
    await stage.expectWhole()
    report('F19 on PostgreSQL', { jumps: 2 })
  },
)

it(
  'with SQLite, the clock never goes back: an hour behind, the user decides and a waiting poll gets the token; an hour ahead, requests expire for good (F19)',
  patience,
  async () => {
    need('a clock for one process')
    const { jump, env } = fakeClock()
    const stage = await openPersonFaults({ env })
    const readyz = async () => (await fetch(`${stage.instances[0]?.admin}/readyz`)).text()
    const by = { ...stage.by, exp: now() + 4 * 3600 }
    const consent = { consent: 'grant', duration: '86400' }
    const user = createScriptedUser(stage.fetch)
    /** One request that the user has allowed, and one whose page is open and whose poll waits. */
    async function openBoth() {
      const [allowed, shown] = [
        await openPerson(stage, { prompt: 'consent' }, by),
        await openPerson(stage, { prompt: 'consent' }, by),
      ]
      const first = await openConsent(stage, allowed.page, { user })
      expect((await user.submit(first.html, first.url, consent)).status).toBe(200)
      const { html, url } = await openConsent(stage, shown.page, { user })
      const held = poll(stage, shown.location, { ...by, wait: 20 })
      // By the time that this is served, the poll waits.
      await user.open(url)
      return { allowed, held, url, decide: async () => (await user.submit(html, url, consent)).text() }
    }

    const before = await openBoth()
    jump(-3600)
    await expect.poll(readyz).toMatch(/^not ready: clock_skew/)
    expect(await before.decide()).toContain('data-state="return-to-app"')
    expect((await before.held).status).toBe(200)
    // Used nonces may have been deleted, so requests with one are refused until the clock has caught up.
    const refused = await poll(withClock(stage, -3600), before.allowed.location, { ...by, wait: 1 })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    jump(0)
    await expect.poll(readyz).toBe('ready\n')
    expect((await poll(stage, before.allowed.location, { ...by, wait: 1 })).status).toBe(200)

    const after = await openBoth()
    jump(3600)
    expect(await problemIn(await after.held)).toMatchObject({ status: 403, error: 'abandoned' })
    const ahead = withClock(stage, 3600)
    const late = await poll(ahead, after.allowed.location, { ...by, wait: 1 })
    expect(await problemIn(late)).toMatchObject({ status: 408, error: 'expired' })
    expect((await askPerson(ahead, {}, by)).status).toBe(200)
    jump(0)
    await expect.poll(readyz).toMatch(/^not ready: clock_skew/)
    expect(await after.decide()).toContain('data-state="request_expired"')
    await stage.expectWhole()
    report('F19 on SQLite', { jumps: 2 })
  },
)

it(
  'the database crashes while polls wait and a page is open: the user decides after it is back, and the polls get the tokens (F20)',
  patience,
  async () => {
    const { url } = await cluster.createDatabase()
    const stage = await openPersonFaults({ database: url, isPatient: false })
    const { by } = stage
    const [shown, allowed] = [await openPerson(stage, {}, by), await openPerson(stage, { prompt: 'consent' }, by)]
    const { user, html, url: page } = await openConsent(stage, shown.page)
    const other = await openConsent(stage, allowed.page, { user })
    expect((await user.submit(other.html, other.url, { consent: 'grant' })).status).toBe(200)
    // The agent's token is stored with the request now, so that the next poll only waits.
    expect((await poll(stage, shown.location, { ...by, wait: 1 })).status).toBe(202)
    const before = await lookups(stage)
    const held = poll(stage, shown.location, { ...by, wait: 20 })
    // Requests are only looked up while polls wait for them.
    await expect.poll(() => lookups(stage), { timeout: 30_000 }).toBeGreaterThan(before)
    expect((await user.open(page)).status).toBe(200)
    await cluster.crash()
    const sent = performance.now()
    const refused = await poll(stage, allowed.location, { ...by, wait: 20 })
    expect(performance.now() - sent).toBeLessThan(durationLimit(3000))
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await problemIn(refused)).toMatchObject({ error: 'server_error' })
    expect((await user.submit(html, page, { consent: 'grant' })).status).toBe(503)
    await cluster.restart()
    await expect.poll(async () => (await fetch(`${stage.instances[0]?.admin}/readyz`)).status).toBe(200)
    // What was allowed before the crash is delivered, and the open page still works.
    expect((await poll(stage, allowed.location, { ...by, wait: 20 })).status).toBe(200)
    const again = await (await user.open(page)).text()
    expect(await (await user.submit(again, page, { consent: 'grant' })).text()).toContain('data-state="return-to-app"')
    const first = await held
    expect([200, 202]).toContain(first.status)
    const next = await poll(stage, shown.location, { ...by, wait: 20 })
    expect(next.status).toBe(first.status === 200 ? 410 : 200)
    await stage.expectWhole()
    report('F20', { 'waiting polls': 1, 'of them with a token': first.status === 200 ? 1 : 0 })
  },
)
