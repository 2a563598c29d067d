import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { postgresStorage } from 'countersign-server/postgres'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { need, postgresTools } from '../../../../test/needs.js'
import { allow, redeem, refresh } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import { isLong } from '../long.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { openFaultStage } from './fault-stage.js'
import { grantSome, isServed, slowest, startLoad } from './load.js'
import { itIf, report, rounds } from './report.js'

const nextVersion = fileURLToPath(new URL('next-version.hook.mjs', import.meta.url))
const patience = { timeout: 240_000 }

let server: PostgresServer

beforeAll(async () => {
  server = await openPostgres()
})
afterAll(() => server?.close())

it(
  'the next version migrates while this one serves: no request fails, and this one can no longer be started (F13)',
  patience,
  async () => {
    const { url } = await server.createDatabase()
    const stage = await openFaultStage({ database: url, isPatient: true })
    const load = startLoad(stage, await grantSome(stage, 4))
    await wait(rounds(500, 5000))
    const before = load.answers.length
    const next = await stage.add({ NODE_OPTIONS: `--import=${nextVersion}` })
    expect((await fetch(`${next.admin}/readyz`)).status).toBe(200)
    await wait(rounds(1000, 20_000))
    await load.stop()
    const lost = [
      ...load.answers
        .filter((answer) => !isServed(answer))
        .map(({ what, status, text }) => `${what}: ${status} ${text}`),
      ...load.failures.map(({ why }) => why),
    ]
    await expect(stage.operator.spawnServe({ port: await freePort() })).rejects.toThrow(
      /written by a newer version of this program \(schema \d+; this version supports up to \d+\)/,
    )
    await stage.expectWhole()
    const tried = {
      'requests before': before,
      'with both versions': load.answers.length - before,
      'ms for the slowest': slowest(load.answers),
    }
    report('F13', tried, lost)
  },
)

itIf(isLong)(
  'a dump is restored: keys and grants stay valid, and nothing that a backup must not bring back is still valid (F14)',
  patience,
  async () => {
    need('pg_basebackup')
    const { url } = await server.createDatabase()
    const stage = await openFaultStage({ database: url })
    const { user, tokens } = await grantSome(stage, 50)
    const unused = await allow(stage, undefined, {}, { user })
    const keysOf = async () => (await fetch(`${stage.authServer}/jwks.json`)).json()
    const keys = await keysOf()
    const grants = await stage.storage.listGrants()
    const file = join(stage.operator.folder, 'backup.dump')
    execFileSync(join(postgresTools, 'pg_dump'), ['--format=custom', `--file=${file}`, url])
    const [instance] = stage.instances
    await instance?.end('SIGKILL')

    const { url: restored } = await server.createDatabase()
    execFileSync(join(postgresTools, 'pg_restore'), ['--exit-on-error', `--dbname=${restored}`, file])
    const env = { COUNTERSIGN_DATABASE: restored }
    const storage = await postgresStorage(restored, { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    expect(await storage.listGrants()).toEqual(grants)
    expect(await stage.operator.run('server db finish-restore', { env })).toMatchObject({ status: 0 })
    const otherKey = join(stage.operator.folder, 'missing.key')
    await expect(instance?.start({ ...env, COUNTERSIGN_MASTER_KEY_FILE: otherKey })).rejects.toThrow(
      /masterKeyFile: is missing/,
    )
    await stage.operator.run(`server keys generate-master --output ${otherKey}`, { config: false })
    await expect(instance?.start({ ...env, COUNTERSIGN_MASTER_KEY_FILE: otherKey })).rejects.toThrow(
      /encrypted with a different master key/,
    )
    await instance?.start(env)
    expect(await keysOf()).toEqual(keys)
    expect((await redeem(stage, unused)).status).toBe(400)
    for (const token of tokens) expect((await refresh(stage, identityOf(stage.agent), token)).status).toBe(400)
    expect((await user.open(`${stage.authServer}/account`)).headers.get('location') ?? '').toContain('sign-in')
    expect((await redeem(stage, await allow(stage))).status).toBe(200)
    expect(await storage.findViolations()).toEqual([])
    report('F14', {
      'grants kept': grants.length,
      'refresh tokens invalidated': tokens.length,
      'codes invalidated': 1,
      'sessions invalidated': 1,
    })
  },
)
