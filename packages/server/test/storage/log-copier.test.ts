import { statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { createLookTimes } from '../../src/storage/engines/sqlite/look-times.js'
import { nonceClaim, times } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

it('copies the log into the file beside what goes on, long before a commit would', async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, {
    sweepInterval: 0,
    limits: { nonces: { perKey: 10_000, perNetwork: 10_000, perAgent: 10_000 } },
  })
  onTestFinished(() => storage.close())
  const before = statSync(path).size
  let copied = false
  for (let rounds = 0; rounds < 200 && !copied; rounds += 1) {
    for (const claim of times(20, () => nonceClaim({}))) expect(await storage.claimNonce(claim)).toBe(true)
    await wait(1)
    copied = statSync(path).size > before
  }
  expect(copied).toBe(true)
  // At 64 MB a commit would have to copy it.
  expect(statSync(`${path}-wal`).size).toBeLessThan(48 * 2 ** 20)
})

it('checks the WAL after as many commits as fill 8,000 pages, by what was written since the last check', () => {
  const times = createLookTimes(1000)
  const looked = (log: number, round: number) => {
    times.looked({ log, checkpointed: log, round })
    return times.commits
  }
  expect(times.commits).toBe(500)
  expect(looked(8000, 0), 'first').toBe(500)
  expect(looked(12_000, 0), 'the same WAL').toBe(500 * 2)
  expect(looked(2000, 2), 'a WAL that SQLite restarted twice').toBe(1000 * 2)
  times.emptied()
  expect(looked(16_000, 3), 'a WAL that was restarted after a full checkpoint').toBe(1000)
  expect(looked(1_000_000, 3), 'at least').toBe(100)
  expect(looked(1_000_000, 3), 'at most four times as many').toBe(400)
  for (let checks = 0; checks < 4; checks++) looked(1_000_000, 3)
  expect(times.commits, 'at most').toBe(10_000)
})

it('a storage that is closed while its log is copied has lost nothing', async () => {
  const path = temporaryFile()
  const limits = { nonces: { perKey: 10_000, perNetwork: 10_000, perAgent: 10_000 } }
  const storage = sqliteStorage(path, { sweepInterval: 0, limits })
  const claims = times(501, () => nonceClaim({}))
  for (const claim of claims) await storage.claimNonce(claim)
  await storage.close()
  const again = sqliteStorage(path, { sweepInterval: 0, limits })
  onTestFinished(() => again.close())
  for (const claim of claims) expect(await again.claimNonce(claim)).toBe(false)
})
