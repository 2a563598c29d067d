import { statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { nonceClaim, times } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

it('checkpoints the WAL into the file during other work, long before a commit would', async () => {
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
  // At 64 MB, a commit would have to checkpoint it.
  expect(statSync(`${path}-wal`).size).toBeLessThan(48 * 2 ** 20)
})

it('a storage that is closed during a checkpoint loses nothing', async () => {
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
