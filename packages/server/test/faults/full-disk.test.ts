import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { need } from '../../../../test/needs.js'
import { isLong } from '../long.js'
import { startCluster } from '../storage/postgres/postgres-server.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { grantSome, isServed, redeemRest, startLoad } from './load.js'
import { itIf, report } from './report.js'
import { mountSmallDisk, type SmallDisk } from './small-disk.js'

const patience = { timeout: 240_000 }
const nobody = 65_534

/** Fills the disk under load, frees it, and reports the outcome of the requests. */
async function fillUnderLoad(engine: string, stage: FaultStage, disk: SmallDisk): Promise<void> {
  const load = startLoad(stage, await grantSome(stage, 4))
  await wait(500)
  const full = performance.now()
  disk.fill()
  const until = full + 20_000
  while (performance.now() < until) {
    // Also fills space that was freed in the meantime, for example when a log was truncated.
    disk.fill()
    for (const path of ['/jwks.json', '/.well-known/aauth-issuer'])
      expect((await fetch(stage.authServer + path)).status).toBe(200)
    await wait(50)
  }
  const free = performance.now()
  disk.free()
  await expect
    .poll(() => load.answers.some(({ what, status, at }) => what === 'redeem' && status === 200 && at > free), {
      timeout: 10_000,
    })
    .toBe(true)
  const recovery = performance.now() - free
  await load.stop()
  const refused = load.answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(0)
  expect(recovery).toBeLessThan(5000)
  const wrong = load.answers.filter((answer) => !isServed(answer) && answer.status !== 503)
  const lost = [
    ...wrong.map(({ what, status, text }) => `${what}: ${status} ${text.slice(0, 200)}`),
    ...load.failures.map(({ why }) => why),
    ...(await redeemRest(stage, load.shown)),
  ]
  await stage.expectWhole()
  const tried = { answers: load.answers.length, 'of them 503': refused.length, 'ms to recover': Math.round(recovery) }
  report(`F5 on ${engine}`, tried, lost)
}

itIf(isLong)(
  'the disk of The SQLite file is full: 503, documents go on, and nothing is half written (F5)',
  patience,
  async () => {
    need('a full disk')
    const disk = mountSmallDisk(8, 0)
    const stage = await openFaultStage({ database: join(disk.folder, 'auth.db') })
    await fillUnderLoad('SQLite', stage, disk)
  },
)

itIf(isLong)(
  'the disk of the PostgreSQL server is full: 503, documents are still served, and nothing is half written (F5)',
  patience,
  async () => {
    need('a full disk')
    const disk = mountSmallDisk(160, nobody)
    const cluster = await startCluster({ parent: disk.folder })
    onTestFinished(() => cluster.close())
    const { url } = await cluster.createDatabase()
    const stage = await openFaultStage({ database: url })
    await fillUnderLoad('PostgreSQL', stage, disk)
  },
)
