import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { openFaultStage } from './fault-stage.js'
import { grantSome, isServed, redeemRest, startLoad } from './load.js'
import { report } from './report.js'

/** How many minutes the test runs: see `scripts/random-kills.mjs`. */
const minutes = Number(process.env.RANDOM_KILLS_MINUTES ?? 0)

let server: PostgresServer

beforeAll(async () => {
  if (minutes > 0) server = await openPostgres()
})
afterAll(() => server?.close())

const engines = [
  { engine: 'SQLite', count: 1, database: async () => undefined },
  { engine: 'PostgreSQL', count: 2, database: async () => (await server.createDatabase()).url },
]

describe.each(minutes > 0 ? engines : [])('servers on $engine under load', ({ engine, count, database }) => {
  it('lose nothing, no matter when one of them is killed', { timeout: (minutes + 5) * 60_000 }, async () => {
    const url = await database()
    const stage = await openFaultStage({ ...(url && { database: url }), instances: count })
    const tried = { kills: 0, requests: 0, 'of them not answered': 0, 'decisions shown': 0, 'tokens given': 0 }
    const lost: string[] = []
    const granted = await grantSome(stage, 4)
    const end = performance.now() + (minutes / engines.length) * 60_000
    while (performance.now() < end) {
      const load = startLoad(stage, granted, { workers: 6, pause: 2 })
      await wait(Math.random() * 2000)
      const instance = stage.instances[Math.floor(Math.random() * count)]
      await instance?.end('SIGKILL')
      await instance?.start()
      await wait(200)
      await load.stop()
      const wrong = load.answers.filter((answer) => !isServed(answer) && answer.status !== 503)
      lost.push(...wrong.map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`))
      lost.push(...(await redeemRest(stage, load.shown)))
      tried.kills += 1
      tried.requests += load.answers.length + load.failures.length
      tried['of them not answered'] += load.failures.length
      tried['decisions shown'] += load.shown.length
      tried['tokens given'] += load.answers.filter(({ what, status }) => what === 'redeem' && status === 200).length
      await stage.expectWhole()
    }
    expect(tried.kills).toBeGreaterThan(0)
    report(`Random kills on ${engine}, ${count === 1 ? 'one process' : `${count} processes`}`, tried, lost)
  })
})
