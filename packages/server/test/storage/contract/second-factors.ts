import { randomUUID } from 'node:crypto'
import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import { asRead, freshHash, hashOf, newUser, readNow, signInWith, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const sealedSecret = 'sealed'
const recoveryHashes = [hashOf('first recovery code'), hashOf('second recovery code')]

type Use = Parameters<Storage['useSecondFactor']>[0]

export function secondFactorContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: second factors`, makeStorage, (world) => {
    /** A user with a factor that was confirmed with the code of step 100. */
    const withFactor = async (): Promise<User> => {
      const user = await newUser(world.storage)
      const factor = { ...asRead(user), sealedSecret, usedStep: 100, recoveryHashes }
      expect(await world.storage.setSecondFactor(factor)).toBe(1)
      return { ...user, credentialRevision: 1 }
    }
    const useOf = (user: User, changes: Partial<Use> = {}): Use => {
      const own = { key: hashOf('own'), account: user.username, window: 900, most: 3 }
      const limits = [own, { key: hashOf('network'), window: 900, most: 5 }]
      return { ...asRead(user), sealedSecret, recoveryHash: freshHash(), limits, own, ...changes }
    }

    test('a factor is found until it is removed, and each change leaves an event', async () => {
      const { storage } = world
      const user = await withFactor()
      const { id: userId } = user
      expect(await storage.findSecondFactor(userId)).toEqual({ sealedSecret, addedAt: start, recoveryCodes: 2 })
      world.now += 10
      const replaced = { ...asRead(user), sealedSecret: 'other', usedStep: 1, recoveryHashes: [freshHash()] }
      expect(await storage.setSecondFactor(replaced)).toBe(2)
      expect(await storage.findSecondFactor(userId)).toEqual({
        sealedSecret: 'other',
        addedAt: start + 10,
        recoveryCodes: 1,
      })
      expect(await storage.replaceRecoveryCodes({ userId, credentialRevision: 2, recoveryHashes })).toBe(3)
      expect(await storage.findSecondFactor(userId)).toMatchObject({ sealedSecret: 'other', recoveryCodes: 2 })
      expect(await storage.removeSecondFactor({ userId, credentialRevision: 3 })).toBe('removed')
      expect(await storage.findSecondFactor(userId)).toBeUndefined()
      expect(await storage.removeSecondFactor({ userId, by: 'operator:carol' })).toBe('unknown')
      const events = await storage.listEvents({ event: ['factor.added', 'factor.codes_replaced', 'factor.removed'] })
      expect(events).toMatchObject([
        { event: 'factor.added', userId, data: { replaced: false } },
        { event: 'factor.added', userId, data: { replaced: true } },
        { event: 'factor.codes_replaced', userId },
        { event: 'factor.removed', userId },
      ])
    })

    test('a change by a user whose record has changed since it was read changes nothing', async () => {
      const { storage } = world
      const { id: userId } = await withFactor()
      const stale = { userId, credentialRevision: 0 }
      const other = { ...stale, sealedSecret: 'other', usedStep: 1, recoveryHashes: [freshHash()] }
      expect(await storage.setSecondFactor(other)).toBeUndefined()
      expect(await storage.replaceRecoveryCodes({ ...stale, recoveryHashes: [freshHash()] })).toBeUndefined()
      expect(await storage.removeSecondFactor(stale)).toBe('changed')
      expect(await storage.findSecondFactor(userId)).toMatchObject({ sealedSecret, recoveryCodes: 2 })
    })

    test('recovery codes belong to a factor', async () => {
      const { storage } = world
      const user = await newUser(storage)
      expect(await storage.replaceRecoveryCodes({ ...asRead(user), recoveryHashes })).toBeUndefined()
      expect(await storage.listEvents({ event: 'factor.codes_replaced' })).toEqual([])
    })

    test('of 20 parallel uses of one code, exactly one is accepted', async () => {
      const { storage } = world
      const user = await withFactor()
      const limit = { key: hashOf('own'), account: user.username, window: 900, most: 100 }
      const use = useOf(user, { limits: [limit], own: limit })
      const [recoveryHash = ''] = recoveryHashes
      for (const code of [{ step: 101 }, { recoveryHash }]) {
        const uses = await Promise.all(times(20, () => storage.useSecondFactor({ ...use, ...code })))
        expect(uses.filter(({ outcome }) => outcome === 'used')).toHaveLength(1)
        expect(uses.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(19)
      }
      expect(await storage.findSecondFactor(user.id)).toMatchObject({ recoveryCodes: 1 })
      expect(await storage.listEvents({ event: 'factor.code_used' })).toMatchObject([{ userId: user.id }])
    })

    test('a code is refused after a later one, and after the secret was replaced', async () => {
      const { storage } = world
      const user = await withFactor()
      const attempt = async (changes: Partial<Use>) => {
        const own = { key: freshHash(), window: 900, most: 1 }
        return (await storage.useSecondFactor(useOf(user, { limits: [own], own, ...changes }))).outcome
      }
      expect(await attempt({ step: 100 })).toBe('wrong')
      expect(await attempt({ step: 102 })).toBe('used')
      expect(await attempt({ step: 101 })).toBe('wrong')
      expect(await attempt({ step: 103, sealedSecret: 'other' })).toBe('wrong')
      expect(await attempt({ step: 103, credentialRevision: 0 })).toBe('changed')
      expect(await attempt({ step: 103 })).toBe('used')
    })

    test('the codes of a user work for no other user, and change for no other user', async () => {
      const { storage } = world
      const [alice, bob] = [await withFactor(), await newUser(storage)]
      const [recoveryHash = ''] = recoveryHashes
      const factor = { ...asRead(bob), sealedSecret, usedStep: 1, recoveryHashes: [freshHash()] }
      await storage.setSecondFactor(factor)
      const asBob = useOf({ ...bob, credentialRevision: 1 }, { recoveryHash })
      expect(await storage.useSecondFactor(asBob)).toEqual({ outcome: 'wrong' })
      for (const code of [{ recoveryHash }, { step: 101 }])
        expect(await storage.useSecondFactor(useOf(alice, code))).toEqual({ outcome: 'used' })
      expect(await storage.useSecondFactor({ ...asBob, step: 101 })).toEqual({ outcome: 'used' })
      await storage.replaceRecoveryCodes({ ...asRead(alice), recoveryHashes })
      expect(await storage.findSecondFactor(bob.id)).toMatchObject({ recoveryCodes: 1 })
      expect(await storage.findSecondFactor(alice.id)).toMatchObject({ recoveryCodes: 2 })
      expect(await storage.removeSecondFactor({ userId: randomUUID(), by: 'operator:carol' })).toBe('unknown')
    })

    test('of 20 parallel wrong codes, no more are judged than a limit allows, and then no code is', async () => {
      const { storage } = world
      const user = await withFactor()
      const wrong = await Promise.all(times(20, () => storage.useSecondFactor(useOf(user))))
      expect(wrong.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(3)
      expect(wrong.filter(({ outcome }) => outcome === 'throttled')).toHaveLength(17)
      const right = useOf(user, { step: 101 })
      const reached = { limit: right.own, resetAt: start + 900 }
      expect(await storage.useSecondFactor(right)).toEqual({ outcome: 'throttled', reached })
      world.now += 900
      expect(await storage.useSecondFactor(right)).toEqual({ outcome: 'used' })
    })

    test('an accepted code clears only the attempts that count against the same limit', async () => {
      const { storage } = world
      const user = await withFactor()
      const outcomes = []
      for (const step of [undefined, undefined, 101, undefined, undefined, 102, undefined])
        outcomes.push((await storage.useSecondFactor(useOf(user, { step }))).outcome)
      // With the fifth wrong code, the limit of the network is reached.
      expect(outcomes).toEqual(['wrong', 'wrong', 'used', 'wrong', 'wrong', 'used', 'wrong'])
      expect(await storage.useSecondFactor(useOf(user, { step: 103 }))).toMatchObject({ outcome: 'throttled' })
    })

    test('a new password clears the attempts on an account with a second factor only if an operator sets it (V25)', async () => {
      const { storage } = world
      const user = await withFactor()
      const { id: userId } = user
      const own = { key: hashOf('own'), account: user.username, window: 900, most: 1 }
      const isReached = async () => (await storage.findReachedLimit([own])) !== undefined
      await storage.useSecondFactor(useOf(user, { limits: [own], own }))
      const tokenHash = freshHash()
      await storage.createLink({ userId, tokenHash, purpose: 'reset', lifetime: 60 })
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash: 'new' })).toMatchObject({ id: userId })
      await storage.setPasswordHash({ ...(await readNow(storage, userId)), passwordHash: 'newer' })
      expect(await isReached()).toBe(true)
      await storage.setPasswordHash({ userId, passwordHash: 'newest', by: 'operator:carol' })
      expect(await isReached()).toBe(false)
    })

    test('removal by an operator ends the user’s sessions, and removal by the user ends none', async () => {
      const { storage } = world
      const [own, lost] = [await withFactor(), await withFactor()]
      for (const user of [own, lost]) await signInWith(storage, { userId: user.id, browserHash: freshHash() })
      expect(await storage.removeSecondFactor(await readNow(storage, own.id))).toBe('removed')
      expect(await storage.removeSecondFactor({ userId: lost.id, by: 'operator:carol' })).toBe('removed')
      expect(await storage.listSessions({ userId: own.id })).toHaveLength(1)
      expect(await storage.listSessions({ userId: lost.id })).toEqual([])
      expect(await storage.listEvents({ event: 'factor.removed' })).toMatchObject([
        { userId: own.id },
        { userId: lost.id, data: { by: 'operator:carol', sessionsEnded: 1 } },
      ])
    })

    test('the user is notified when a factor is set, replaced or removed', async () => {
      const { storage } = world
      const { id: userId } = await withFactor()
      await storage.editUser({ userId, email: 'alice@home.example' })
      await storage.confirmEmail({ userId, email: 'alice@home.example', language: 'en' })
      await storage.setSecondFactor({ ...(await readNow(storage, userId)), sealedSecret, usedStep: 1, recoveryHashes })
      await storage.removeSecondFactor({ userId, by: 'operator:carol' })
      const claimed = await storage.claimEmails({ limit: 10, lease: 60, perAddress: 5 })
      expect(claimed.map(({ kind, address }) => [kind, address])).toEqual([
        ['factor_added', 'alice@home.example'],
        ['factor_removed', 'alice@home.example'],
      ])
    })

    test('a closed account keeps neither its factor nor its recovery codes', async () => {
      const { storage } = world
      const { id } = await withFactor()
      expect((await storage.exportUser(id))?.secondFactor).toEqual({ addedAt: start, recoveryCodes: 2 })
      await storage.closeAccount(await readNow(storage, id))
      expect(await storage.findSecondFactor(id)).toBeUndefined()
      expect((await storage.exportUser(id))?.secondFactor).toBeNull()
    })
  })
}
