import { memoryStorage } from 'countersign-server'
import { expect, it } from 'vitest'

it('remembers 100,000 nonces in memory and refuses more rather than forget, until some have ended', async () => {
  let now = 1_800_000_000
  const storage = memoryStorage({ now: () => now, sweepInterval: 0 })
  for (let index = 0; index < 100_000; index++) await storage.claimNonce(`nonce ${index}`, index === 0 ? 60 : 130)
  await expect(storage.claimNonce('one more', 130)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await storage.claimNonce('nonce 1', 130)).toBe(false)
  now += 60
  expect(await storage.claimNonce('one more', 130)).toBe(true)
  await expect(storage.claimNonce('two more', 130)).rejects.toMatchObject({ code: 'unavailable' })
})
