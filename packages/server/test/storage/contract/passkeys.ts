import { expect, test } from 'vitest'
import { asRead, freshHash, newUser, readNow, signInWith, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const publicKey = new Uint8Array([0, 1, 2, 255])

export function passkeyContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: passkeys`, makeStorage, (world) => {
    const added = async (counter = 0) => {
      const user = await newUser(world.storage)
      const passkey = { ...asRead(user), credentialId: freshHash(), publicKey, counter, name: 'Laptop' }
      await world.storage.addPasskey({ ...passkey, transports: ['internal', 'hybrid'] })
      return { user, credentialId: passkey.credentialId, passkey }
    }

    test('a passkey is found with its key and its user', async () => {
      const { user, credentialId } = await added(7)
      const listed = {
        credentialId,
        name: 'Laptop',
        transports: ['internal', 'hybrid'],
        counter: 7,
        createdAt: start,
        lastUsedAt: null,
      }
      expect(await world.storage.findPasskey(credentialId)).toEqual({
        user: { ...user, credentialRevision: 1 },
        passkey: { ...listed, publicKey },
      })
      expect(await world.storage.listPasskeys(user.id)).toEqual([listed])
      expect(await world.storage.findPasskey('unknown')).toBeUndefined()
    })

    test('passkeys are listed from the oldest, and those of one second by their id', async () => {
      const { storage } = world
      const { passkey, user } = await added()
      const add = async (credentialId: string) =>
        storage.addPasskey({ ...passkey, ...(await readNow(storage, user.id)), credentialId, transports: [] })
      world.now = start + 1
      for (const id of ['c', 'a', 'd', 'b']) expect(await add(id)).toBe('added')
      world.now = start - 1
      expect(await add('e')).toBe('added')
      const ids = (await storage.listPasskeys(user.id)).map(({ credentialId }) => credentialId)
      expect(ids).toEqual(['e', passkey.credentialId, 'a', 'b', 'c', 'd'])
    })

    test('a credential is registered once, for any user', async () => {
      const { storage } = world
      const { passkey } = await added()
      const other = await newUser(storage)
      expect(await storage.addPasskey({ ...passkey, ...asRead(other) })).toBe('taken')
      expect(await storage.listPasskeys(other.id)).toEqual([])
      expect(await storage.listEvents({ event: 'passkey.added' })).toHaveLength(1)
      await storage.setUserStatus(other.id, 'disabled')
      const again = { ...passkey, ...(await readNow(storage, other.id)), credentialId: freshHash() }
      expect(await storage.addPasskey(again)).toBe('changed')
    })

    test('of 20 parallel uses with one counter, exactly one is accepted, and the others are audited', async () => {
      const { storage } = world
      const { credentialId, user } = await added(3)
      const results = await Promise.all(times(20, () => storage.usePasskey({ credentialId, counter: 4 })))
      expect(results.filter(Boolean)).toHaveLength(1)
      const events = await storage.listEvents({ event: 'passkey.counter_went_back' })
      expect(events).toHaveLength(19)
      expect(events[0]).toMatchObject({ userId: user.id, data: { credentialId, counter: 4, stored: 4 } })
    })

    test('a counter must increase, unless it is always zero', async () => {
      const { storage } = world
      const { credentialId } = await added()
      const use = (counter: number) => storage.usePasskey({ credentialId, counter })
      world.now += 10
      expect(await Promise.all(times(5, () => use(0)))).toEqual(times(5, () => true))
      expect(await storage.findPasskey(credentialId)).toMatchObject({ passkey: { lastUsedAt: start + 10 } })
      expect(await use(5)).toBe(true)
      expect(await use(5)).toBe(false)
      expect(await use(0)).toBe(false)
      expect(await use(4)).toBe(false)
      expect(await storage.findPasskey(credentialId)).toMatchObject({ passkey: { counter: 5 } })
      expect(await storage.usePasskey({ credentialId: 'unknown', counter: 1 })).toBe(false)
    })

    test('an operator removes a passkey regardless of its user’s status', async () => {
      const { storage } = world
      const { credentialId, user } = await added()
      const by = 'operator:carol'
      expect(await storage.removePasskey({ userId: (await newUser(storage)).id, credentialId, by })).toBe('unknown')
      expect(await storage.removePasskey({ userId: user.id, credentialId, by })).toBe('removed')
      expect(await storage.removePasskey({ userId: user.id, credentialId, by })).toBe('unknown')
      expect(await storage.listEvents({ event: 'passkey.removed' })).toMatchObject([{ data: { credentialId, by } }])
    })

    test('removal by an operator ends the user’s sessions, and removal by the user ends none', async () => {
      const { storage } = world
      const [own, lost] = [await added(), await added()]
      for (const { user } of [own, lost]) await signInWith(storage, { userId: user.id, browserHash: freshHash() })
      await storage.removePasskey({ ...(await readNow(storage, own.user.id)), credentialId: own.credentialId })
      await storage.removePasskey({ userId: lost.user.id, credentialId: lost.credentialId, by: 'operator:carol' })
      expect(await storage.listSessions({ userId: own.user.id })).toHaveLength(1)
      expect(await storage.listSessions({ userId: lost.user.id })).toEqual([])
      expect(await storage.listEvents({ event: 'passkey.removed' })).toMatchObject([
        { data: { credentialId: own.credentialId } },
        { data: { credentialId: lost.credentialId, by: 'operator:carol', sessionsEnded: 1 } },
      ])
    })

    test('a passkey can be removed by its own user only', async () => {
      const { storage } = world
      const { credentialId, user } = await added()
      const other = await newUser(storage)
      expect(await storage.removePasskey({ ...asRead(other), credentialId })).toBe('unknown')
      expect(await storage.removePasskey({ ...asRead(user), credentialId })).toBe('changed')
      const now = await readNow(storage, user.id)
      expect(await storage.removePasskey({ ...now, credentialId })).toBe('removed')
      expect(await storage.removePasskey({ ...now, credentialId })).toBe('changed')
      expect(await storage.removePasskey({ ...(await readNow(storage, user.id)), credentialId })).toBe('unknown')
      expect(await storage.listPasskeys(user.id)).toEqual([])
      expect(await storage.listEvents({ event: 'passkey.removed' })).toHaveLength(1)
    })
  })
}
