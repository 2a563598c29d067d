import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isLong } from '../long.js'
import { type PostgresServer, startCluster } from '../storage/postgres/postgres-server.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { type Answer, grantSome, isServed, type Load, redeemRest, slowest, startLoad } from './load.js'
import { type Line, proxyTo } from './proxy.js'
import { itIf, report, rounds } from './report.js'

let cluster: PostgresServer

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.close())

const lines: readonly Line[] = ['slow', 'drops', 'half-closed', 'refuses']

const patience = { timeout: isLong ? 600_000 : 90_000 }

const statusOf = async (url: string) => (await fetch(url)).status

/** Waits until requests are answered as if nothing had been; gives the milliseconds that took. */
async function untilServed(load: Load): Promise<number> {
  const since = performance.now()
  await expect
    .poll(() => load.answers.some(({ at, status, what }) => at > since && status === 200 && what === 'refresh'), {
      interval: 50,
      timeout: 20_000,
    })
    .toBe(true)
  return performance.now() - since
}

/** What was answered in between, of what was asked in between. */
const within = (load: Load, from: number, to: number) => load.answers.filter(({ at }) => at >= from && at < to)

/** What such answers must not be: anything but success, or 503 with a time to come back. */
function wrong(answers: readonly Answer[]): string[] {
  return answers
    .filter((answer) => !isServed(answer) && !(answer.status === 503 && answer.retryAfter !== null))
    .map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`)
}

/** What nobody was told, or was told wrongly, or was told and is gone. */
async function lostIn(stage: FaultStage, { answers, failures, shown }: Load): Promise<string[]> {
  return [...wrong(answers), ...failures.map(({ why }) => why), ...(await redeemRest(stage, shown))]
}

/** What the server answers while nothing is stored. */
async function expectDocuments({ authServer, instances: [instance] }: FaultStage): Promise<void> {
  expect(await statusOf(`${authServer}/jwks.json`)).toBe(200)
  expect(await statusOf(`${authServer}/.well-known/aauth-issuer`)).toBe(200)
  expect(await statusOf(`${instance?.admin}/healthz`)).toBe(200)
}

it(
  'a database that crashes under load: 503 within 2 s, documents go on, and all is well 5 s after it is back (F3)',
  patience,
  async () => {
    const { url } = await cluster.createDatabase()
    const stage = await openFaultStage({ database: url })
    const [instance] = stage.instances
    const granted = await grantSome(stage, 4)
    const load = startLoad(stage, granted)
    await untilServed(load)
    const gone = performance.now()
    await cluster.crash()
    await wait(rounds(1500, 30_000))
    await expectDocuments(stage)
    expect(await statusOf(`${instance?.admin}/readyz`)).toBe(503)
    // What was taken back meanwhile is not known.
    expect(await statusOf(`${stage.authServer}/.well-known/aauth-revocations`)).toBe(503)
    const page = await granted.user.open(`${stage.authServer}/account`)
    expect(page.status).toBe(503)
    expect(await page.text()).toContain('data-error-code="temporarily_unavailable"')
    const back = performance.now()
    await cluster.restart()
    const recovery = await untilServed(load)
    expect(recovery).toBeLessThan(5000)
    await expect.poll(() => statusOf(`${instance?.admin}/readyz`), { timeout: 5000 }).toBe(200)
    await load.stop()

    const meanwhile = within(load, gone, back)
    const refused = meanwhile.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(10)
    expect(slowest(meanwhile)).toBeLessThan(2000)
    expect(refused.every(({ retryAfter }) => retryAfter === '2')).toBe(true)
    await stage.expectWhole()
    report(
      'F3',
      {
        answers: load.answers.length,
        'of them 503': refused.length,
        'ms the slowest': slowest(meanwhile),
        'ms to recover': Math.round(recovery),
      },
      await lostIn(stage, load),
    )
  },
)

itIf(isLong)(
  'a database whose line is slow, lost, half closed or refused under load: nobody waits longer than 3 s (F4)',
  patience,
  async () => {
    const { url } = await cluster.createDatabase()
    const proxy = await proxyTo(url)
    const stage = await openFaultStage({ database: url, seenAs: proxy.url })
    const [instance] = stage.instances
    const granted = await grantSome(stage, 4)
    for (const line of lines) {
      const load = startLoad(stage, granted)
      await untilServed(load)
      const begun = performance.now()
      proxy.line = line
      const until = begun + 20_000
      const delays: number[] = []
      while (performance.now() < until) {
        const asked = performance.now()
        await expectDocuments(stage)
        delays.push((performance.now() - asked) / 3)
        await wait(100)
      }
      const ended = performance.now()
      proxy.line = 'whole'
      const recovery = await untilServed(load)
      await load.stop()
      const meanwhile = within(load, begun, ended)
      const metrics = await (await fetch(`${instance?.admin}/metrics`)).text()
      const lag = Number(/^nodejs_eventloop_lag_p99_seconds ([\d.e-]+)/m.exec(metrics)?.[1])
      const late = load.answers.filter(({ took }) => took >= 3000).map(({ what, took }) => `${what}: ${took} ms`)
      expect(late).toEqual([])
      expect(lag).toBeLessThan(0.2)
      expect(delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.95)]).toBeLessThan(200)
      expect(recovery).toBeLessThan(5000)
      await stage.expectWhole()
      const tried = {
        answers: load.answers.length,
        'of them meanwhile': meanwhile.length,
        'of these 503': meanwhile.filter(({ status }) => status === 503).length,
        'ms the slowest': slowest(load.answers),
        'ms to recover': Math.round(recovery),
      }
      report(`F4 (${line})`, tried, await lostIn(stage, load))
    }
  },
)
