import { expect, test } from 'vitest'
import { agent, allowedRequest, freshHash, hashOf, newUser, signInWith, times } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

export function throttleContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: throttling`, makeStorage, (world) => {
    test('50 parallel attempts are counted exactly', async () => {
      const key = freshHash()
      const counts = await Promise.all(times(50, () => world.storage.countAttempt({ key, window: 900 })))
      expect(counts.map(({ count }) => count).sort((a, b) => a - b)).toEqual(times(50, (index) => index + 1))
      for (const { resetAt } of counts) expect(resetAt).toBe(start + 900)
    })

    test('a window ends on the second, whatever was counted in it, and the next attempt starts another', async () => {
      const { storage } = world
      const attempt = { key: freshHash(), window: 900 }
      await storage.countAttempt(attempt)
      world.now = start + 899
      expect(await storage.countAttempt(attempt)).toEqual({ count: 2, resetAt: start + 900 })
      world.now = start + 900
      expect(await storage.countAttempt(attempt)).toEqual({ count: 1, resetAt: start + 1800 })
    })

    test('several attempts of a request are counted at once, in any order, each in its own window', async () => {
      const { storage } = world
      const [first, second] = [freshHash(), freshHash()]
      await storage.countAttempt({ key: second, window: 900 })
      const attempts = [
        { key: first, window: 60 },
        { key: second, window: 900 },
      ]
      expect((await storage.countRequest({ agent, attempts })).counts).toEqual([
        { count: 1, resetAt: start + 60 },
        { count: 2, resetAt: start + 900 },
      ])
      world.now = start + 60
      const counted = await Promise.all(
        times(20, async (index) =>
          storage.countRequest({ agent, attempts: index % 2 === 0 ? attempts : attempts.toReversed() }),
        ),
      )
      const ofFirst = counted.map(({ counts }, index) => counts[index % 2]?.count ?? 0)
      expect(ofFirst.sort((a, b) => a - b)).toEqual(times(20, (index) => index + 1))
    })

    test('attempts that apply only to allowed agents, or only to others, are counted for those alone', async () => {
      const { storage } = world
      const attempts = [
        { key: freshHash(), window: 60, of: 'unknown' },
        { key: freshHash(), window: 60 },
        { key: freshHash(), window: 60, of: 'allowed' },
      ] as const
      const one = { count: 1, resetAt: start + 60 }
      const two = { count: 2, resetAt: start + 60 }
      expect(await storage.countRequest({ agent, attempts })).toEqual({
        isBlocked: false,
        hasBeenAllowed: false,
        counts: [one, one, undefined],
      })
      await allowedRequest(storage)
      expect(await storage.countRequest({ agent, attempts })).toEqual({
        isBlocked: false,
        hasBeenAllowed: true,
        counts: [undefined, two, one],
      })
      expect((await storage.countRequest({ agent: 'https://other.example', attempts })).counts).toEqual([
        two,
        { ...two, count: 3 },
        undefined,
      ])
    })

    test('nothing is counted for a blocked agent', async () => {
      const { storage } = world
      const attempts = [{ key: freshHash(), window: 60 }]
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await storage.countRequest({ agent, attempts })).toMatchObject({ isBlocked: true, counts: [undefined] })
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await storage.countRequest({ agent, attempts })).toMatchObject({
        isBlocked: false,
        counts: [{ count: 1 }],
      })
    })

    test('each of several attempts can be undone, even if they are counted and undone at the same time', async () => {
      const { storage } = world
      const attempts = times(4, () => ({ key: freshHash(), window: 900 }))
      const keys = attempts.map(({ key }) => key)
      await storage.countAttempt({ key: keys[0] ?? '', window: 900 })
      await Promise.all(
        times(20, async (index) => {
          await storage.countRequest({ agent, attempts: index % 2 === 0 ? attempts : attempts.toReversed() })
          await storage.forgiveAttempts(index % 2 === 0 ? keys : keys.toReversed())
        }),
      )
      const { counts } = await storage.countRequest({ agent, attempts })
      expect(counts.map((each) => each?.count)).toEqual([2, 1, 1, 1])
    })

    test('no more attempts are counted than a limit allows, even in parallel, and none if one limit is reached (C16)', async () => {
      const { storage } = world
      const [narrow, wide] = [freshHash(), freshHash()]
      const limits = [
        { key: narrow, window: 900, most: 5 },
        { key: wide, window: 86_400, most: 20 },
      ]
      const outcomes = await Promise.all(
        times(40, (index) => storage.countWithinLimits(index % 2 === 0 ? limits : limits.toReversed())),
      )
      expect(outcomes.filter((reached) => reached === undefined)).toHaveLength(5)
      expect(
        outcomes.filter((reached) => reached?.limit.key === narrow && reached.resetAt === start + 900),
      ).toHaveLength(35)
      const countedOf = (key: string, most: number) => storage.findReachedLimit([{ key, window: 900, most }])
      expect(await countedOf(wide, 5)).toMatchObject({ resetAt: start + 86_400 })
      expect(await countedOf(wide, 6)).toBeUndefined()
      world.now = start + 900
      expect(await storage.countWithinLimits(limits)).toBeUndefined()
      expect(await countedOf(narrow, 1)).toMatchObject({ resetAt: start + 1800 })
      expect(await countedOf(narrow, 2)).toBeUndefined()
    })

    test('no period as long as the window contains more attempts than the limit allows (C16)', async () => {
      const { storage } = world
      const limit = { key: freshHash(), window: 900, most: 5 }
      const counted: number[] = []
      // An attempt every half minute, and many at the end of each quarter of an hour.
      for (world.now = start; world.now < start + 5400; world.now += world.now % 900 > 890 ? 1 : 30) {
        const reached = await storage.countWithinLimits([limit])
        if (reached) expect(reached).toEqual({ limit, resetAt: (counted.at(-5) ?? 0) + 900 })
        else counted.push(world.now)
      }
      expect(counted).toHaveLength(30)
      for (const [at, time] of counted.entries()) expect(time - (counted[at - 5] ?? 0)).toBeGreaterThanOrEqual(900)
    })

    test('a successful attempt clears one limit, and no other', async () => {
      const { storage } = world
      const [alice, bob] = ['alice', 'bob'].map((account) => ({ key: freshHash(), account, window: 900, most: 2 }))
      if (!alice || !bob) throw new Error('two limits')
      const limits = [alice, { ...alice, account: bob.account }, { ...bob, account: alice.account }]
      for (const limit of limits) for (let time = 0; time < 2; time++) await storage.countWithinLimits([limit])
      await storage.clearAttempts(alice)
      expect(await Promise.all(limits.map((limit) => storage.findReachedLimit([limit])))).toEqual([
        undefined,
        ...limits.slice(1).map((limit) => ({ limit, resetAt: start + 900 })),
      ])
    })

    test('a limit whose key is not a hash is refused, and leaves the others unchanged', async () => {
      const { storage } = world
      const [limit, other] = [freshHash(), 'alice'].map((key) => ({ key, window: 900, most: 1 }))
      if (!limit || !other) throw new Error('two limits')
      await storage.countWithinLimits([limit])
      await expect(storage.clearAttempts(other)).rejects.toThrow(TypeError)
      await expect(storage.findReachedLimit([other])).rejects.toThrow(TypeError)
      await expect(storage.countWithinLimits([other])).rejects.toThrow(TypeError)
      expect(await storage.findReachedLimit([limit])).toMatchObject({ limit })
    })

    test('a reached limit is found without counting; of several, the one that resets last is returned', async () => {
      const { storage } = world
      const limits = [
        { key: freshHash(), window: 86_400, most: 2 },
        { key: freshHash(), window: 900, most: 1 },
      ]
      const [daily, quarterly] = limits
      for (let time = 0; time < 3; time++) expect(await storage.findReachedLimit(limits)).toBeUndefined()
      expect(await storage.countWithinLimits(limits)).toBeUndefined()
      expect(await storage.findReachedLimit(limits)).toEqual({ limit: quarterly, resetAt: start + 900 })
      world.now = start + 900
      expect(await storage.findReachedLimit(limits)).toBeUndefined()
      expect(await storage.countWithinLimits(limits)).toBeUndefined()
      for (const all of [limits, limits.toReversed()])
        expect(await storage.findReachedLimit(all)).toEqual({ limit: daily, resetAt: start + 86_400 })
      expect(await storage.findReachedLimit([])).toBeUndefined()
    })

    test('a successful attempt is undone, and the count never drops below zero', async () => {
      const { storage } = world
      const key = freshHash()
      for (let attempt = 0; attempt < 3; attempt++) await storage.countAttempt({ key, window: 900 })
      await storage.forgiveAttempts([key])
      expect(await storage.countAttempt({ key, window: 900 })).toMatchObject({ count: 3 })
      for (let attempt = 0; attempt < 5; attempt++) await storage.forgiveAttempts([key])
      await storage.forgiveAttempts([hashOf('unknown')])
      expect(await storage.countAttempt({ key, window: 900 })).toMatchObject({ count: 1 })
    })

    test('a browser is known for the user who signed in there, for 400 days after the last time (C16)', async () => {
      const { storage } = world
      const { id: userId, username } = await newUser(storage)
      const browserHash = freshHash()
      const isKnown = () => storage.isKnownDevice({ username, browserHash })
      expect(await isKnown()).toBe(false)
      await Promise.all(times(5, () => signInWith(storage, { userId, browserHash })))
      expect(await isKnown()).toBe(true)
      expect(await storage.isKnownDevice({ username: username.toUpperCase(), browserHash })).toBe(true)
      const { username: other, id: otherId } = await newUser(storage)
      expect(await storage.isKnownDevice({ username: other, browserHash })).toBe(false)
      expect(await storage.isKnownDevice({ username: 'nobody', browserHash })).toBe(false)
      expect(await storage.isKnownDevice({ username, browserHash: freshHash() })).toBe(false)
      world.now = start + 10 * day
      await signInWith(storage, { userId, browserHash })
      world.now = start + 11 * day
      await signInWith(storage, { userId: otherId, browserHash })
      world.now = start + 409 * day
      await storage.sweep()
      expect(await isKnown()).toBe(true)
      world.now = start + 410 * day
      await storage.sweep()
      expect(await isKnown()).toBe(false)
      expect(await storage.isKnownDevice({ username: other, browserHash })).toBe(true)
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
