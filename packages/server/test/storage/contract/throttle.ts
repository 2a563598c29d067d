import { expect, test } from 'vitest'
import { freshHash, hashOf, newUser, times } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

export function throttleContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: throttling`, makeStorage, (world) => {
    test('50 parallel attempts are counted exactly', async () => {
      const key = freshHash()
      const counts = await Promise.all(times(50, () => world.storage.countAttempt({ key, window: 900 })))
      expect(counts.map(({ count }) => count).sort((a, b) => a - b)).toEqual(times(50, (index) => index + 1))
      for (const { resetAt } of counts) expect(resetAt).toBe(start + 900)
    })

    test('a window ends on the second, whatever was counted in it, and the next attempt opens another', async () => {
      const { storage } = world
      const attempt = { key: freshHash(), window: 900 }
      await storage.countAttempt(attempt)
      world.now = start + 899
      expect(await storage.countAttempt(attempt)).toEqual({ count: 2, resetAt: start + 900 })
      world.now = start + 900
      expect(await storage.countAttempt(attempt)).toEqual({ count: 1, resetAt: start + 1800 })
    })

    test('several are counted at once, in whatever order, each in its own window', async () => {
      const { storage } = world
      const [first, second] = [freshHash(), freshHash()]
      await storage.countAttempt({ key: second, window: 900 })
      const attempts = [
        { key: first, window: 60 },
        { key: second, window: 900 },
      ]
      expect(await storage.countAttempts(attempts)).toEqual([
        { count: 1, resetAt: start + 60 },
        { count: 2, resetAt: start + 900 },
      ])
      world.now = start + 60
      const counts = await Promise.all(
        times(20, async (index) => storage.countAttempts(index % 2 === 0 ? attempts : attempts.toReversed())),
      )
      const ofFirst = counts.map((each, index) => each[index % 2]?.count ?? 0)
      expect(ofFirst.sort((a, b) => a - b)).toEqual(times(20, (index) => index + 1))
    })

    test('keys are counted apart, and cleared one by one', async () => {
      const { storage } = world
      const [first, second] = [freshHash(), freshHash()]
      for (const key of [first, first, second]) await storage.countAttempt({ key, window: 900 })
      await storage.clearAttempts(first)
      await storage.clearAttempts(hashOf('unknown'))
      expect(await storage.countAttempt({ key: first, window: 900 })).toMatchObject({ count: 1 })
      expect(await storage.countAttempt({ key: second, window: 900 })).toMatchObject({ count: 2 })
    })

    test('an attempt that succeeded is taken back, and no more than there were', async () => {
      const { storage } = world
      const key = freshHash()
      for (let attempt = 0; attempt < 3; attempt++) await storage.countAttempt({ key, window: 900 })
      await storage.forgiveAttempt(key)
      expect(await storage.countAttempt({ key, window: 900 })).toMatchObject({ count: 3 })
      for (let attempt = 0; attempt < 5; attempt++) await storage.forgiveAttempt(key)
      await storage.forgiveAttempt(hashOf('unknown'))
      expect(await storage.countAttempt({ key, window: 900 })).toMatchObject({ count: 1 })
    })

    test('a browser is known to the person who signed in there, for 400 days after the last time (C16)', async () => {
      const { storage } = world
      const device = { userId: (await newUser(storage)).id, browserHash: freshHash() }
      expect(await storage.isKnownDevice(device)).toBe(false)
      await Promise.all(times(5, () => storage.rememberDevice(device)))
      expect(await storage.isKnownDevice(device)).toBe(true)
      expect(await storage.isKnownDevice({ ...device, userId: (await newUser(storage)).id })).toBe(false)
      expect(await storage.isKnownDevice({ ...device, browserHash: freshHash() })).toBe(false)
      world.now = start + 10 * day
      await storage.rememberDevice(device)
      world.now = start + 409 * day
      await storage.sweep()
      expect(await storage.isKnownDevice(device)).toBe(true)
      world.now = start + 410 * day
      await storage.sweep()
      expect(await storage.isKnownDevice(device)).toBe(false)
    })

    test('counted attempts are swept after their window', async () => {
      await world.storage.countAttempt({ key: freshHash(), window: 900 })
      world.now = start + 899
      expect(await world.storage.sweep()).toBe(0)
      world.now = start + 900
      expect(await world.storage.sweep()).toBe(1)
    })
  })
}
