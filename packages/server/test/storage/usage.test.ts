import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished, vi } from 'vitest'
import { outcomeOf, refreshable, times } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

/** A file in which a grant is refreshed 20 times by one storage, and another storage to inspect it. */
async function refreshed(usageDelay: number) {
  const path = temporaryFile()
  const [storage, other] = [{ usageDelay }, {}].map((more) => sqliteStorage(path, { sweepInterval: 0, ...more }))
  if (!storage || !other) throw new TypeError('expected two open storages')
  onTestFinished(() => other.close())
  const { refresh, user, grantId } = await refreshable(storage)
  const results = await Promise.all(times(20, () => storage.refreshGrant(refresh)))
  expect(results.map(outcomeOf)).toEqual(times(20, () => 'refreshed'))
  return { storage, seen: () => other.listGrantUsage({ userId: user.id }), grant: () => other.findGrant(grantId) }
}

it('counts refreshes with a delay, and writes the last use of a grant before returning a token', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { storage, seen, grant } = await refreshed(0.05)
  expect((await grant())?.lastUsedAt).toBeGreaterThan(0)
  expect(await seen()).toEqual([])
  vi.advanceTimersByTime(50)
  vi.useRealTimers()
  await expect.poll(seen).toMatchObject([{ refreshes: 20 }])
  await storage.close()
})

it('writes pending counts when it is closed', async () => {
  const { storage, seen } = await refreshed(3600)
  expect(await seen()).toEqual([])
  await storage.close()
  expect(await seen()).toMatchObject([{ refreshes: 20 }])
})

it('keeps counts that could not be written, and writes them with the next ones', async () => {
  const path = temporaryFile()
  const failures: unknown[] = []
  const storage = sqliteStorage(path, {
    sweepInterval: 0,
    usageDelay: 0.02,
    onUsageError: (error) => failures.push(error),
  })
  const { refresh, user } = await refreshable(storage)
  await storage.refreshGrant(refresh)
  const writer = new Database(path)
  writer.exec('begin immediate')
  await storage.refreshGrant(refresh)
  while (failures.length === 0) await wait(20)
  writer.exec('rollback')
  writer.close()
  await storage.refreshGrant(refresh)
  await storage.close()
  const other = sqliteStorage(path, { sweepInterval: 0 })
  onTestFinished(() => other.close())
  expect(await other.listGrantUsage({ userId: user.id })).toMatchObject([{ refreshes: 3 }])
})

it('writes pending counts in parts, so that no request waits for all of them', async () => {
  const storage = sqliteStorage(temporaryFile(), { sweepInterval: 0, usageDelay: 3600, now: () => 1_790_000_000 })
  const grants = []
  for (let made = 0; made < 40; made += 1) grants.push(await refreshable(storage))
  for (const { refresh } of grants) expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
  const prepared = vi.spyOn(Database.prototype, 'prepare')
  onTestFinished(() => prepared.mockRestore())
  await storage.close()
  const values = prepared.mock.calls.flatMap(([sql]) =>
    /into "grant_usage_day"/.test(sql) ? [sql.split('?').length - 1] : [],
  )
  expect(values).toEqual([16 * 3, 8 * 3])
})
