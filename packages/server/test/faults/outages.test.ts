import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isLong } from '../long.js'
import { type PostgresServer, startCluster } from '../storage/postgres/postgres-server.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { type Answer, grantSome, isServed, type Load, redeemRest, slowest, startLoad } from './load.js'
import { type Line, proxyTo } from './proxy.js'
import { durationLimit, itIf, report, rounds } from './report.js'

let cluster: PostgresServer

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.close())

const lines: readonly Line[] = ['slow', 'drops', 'half-closed', 'refuses']

const patience = { timeout: isLong ? 600_000 : 120_000 }

const statusOf = async (url: string) => (await fetch(url)).status

/** Waits until requests are served normally again, and returns how long that took, in milliseconds. */
async function untilServed(load: Load): Promise<number> {
  const since = performance.now()
  await expect
    .poll(() => load.answers.some(({ at, status, what }) => at > since && status === 200 && what === 'refresh'), {
      interval: 50,
      timeout: 60_000,
    })
    .toBe(true)
  return performance.now() - since
}

/** Returns the responses to requests that were sent in the given interval. */
const within = (load: Load, from: number, to: number) => load.answers.filter(({ at }) => at >= from && at < to)

/** Describes the responses that are neither a success nor a 503 with `Retry-After`. */
function wrong(answers: readonly Answer[]): string[] {
  return answers
    .filter((answer) => !isServed(answer) && !(answer.status === 503 && answer.retryAfter !== null))
    .map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`)
}

/** Describes the responses that are missing or wrong, and the shown decisions that are lost. */
async function lostIn(stage: FaultStage, { answers, failures, shown }: Load): Promise<string[]> {
  return [...wrong(answers), ...failures.map(({ why }) => why), ...(await redeemRest(stage, shown))]
}

/** Asserts that the server still serves the documents that need no storage. */
async function expectDocuments({ authServer, instances: [instance] }: FaultStage): Promise<void> {
  expect(await statusOf(`${authServer}/jwks.json`)).toBe(200)
  expect(await statusOf(`${authServer}/.well-known/aauth-issuer`)).toBe(200)
  expect(await statusOf(`${instance?.admin}/healthz`)).toBe(200)
}

it(
  'a database crashes under load: 503 within 2 s, documents are still served, and everything works again 5 s after it is back (F3)',
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
    const isRefused = ({ at, status }: Answer) => at >= gone && status === 503
    await expect.poll(() => load.answers.filter(isRefused).length).toBeGreaterThan(10)
    await expectDocuments(stage)
    await expect.poll(() => statusOf(`${instance?.admin}/readyz`)).toBe(503)
    // Revocations made in the meantime are unknown, so there is no list to serve.
    expect(await statusOf(`${stage.authServer}/.well-known/aauth-revocations`)).toBe(503)
    const page = await granted.user.open(`${stage.authServer}/account`)
    expect(page.status).toBe(503)
    expect(await page.text()).toContain('data-error-code="temporarily_unavailable"')
    const back = performance.now()
    await cluster.restart()
    const recovery = await untilServed(load)
    expect(recovery).toBeLessThan(durationLimit(5000))
    await expect.poll(() => statusOf(`${instance?.admin}/readyz`)).toBe(200)
    await load.stop()

    const meanwhile = within(load, gone, back)
    const refused = meanwhile.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(10)
    expect(slowest(meanwhile)).toBeLessThan(durationLimit(2000))
    expect(refused.every(({ retryAfter }) => retryAfter === '2')).toBe(true)
    await stage.expectWhole()
    report(
      'F3',
      {
        answers: load.answers.length,
        'of them 503': refused.length,
        'ms for the slowest': slowest(meanwhile),
        'ms to recover': Math.round(recovery),
      },
      await lostIn(stage, load),
    )
  },
)

itIf(isLong)(
  'a database connection is slow, lost, half closed or refused under load: no one waits longer than 3 s (F4)',
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
        'of them during the fault': meanwhile.length,
        'of these 503': meanwhile.filter(({ status }) => status === 503).length,
        'ms for the slowest': slowest(load.answers),
        'ms to recover': Math.round(recovery),
      }
      report(`F4 (${line})`, tried, await lostIn(stage, load))
    }
  },
)
