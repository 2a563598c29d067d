import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import { freshHash, newUser, readNow } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const passwordHash = '$argon2id$of-a-new-password'

type NewLink = Parameters<Storage['createLink']>[0]

/** A link for a user; returns its token hash. */
async function newLink(storage: Storage, { id: userId }: User, changes: Partial<NewLink> = {}): Promise<string> {
  const tokenHash = freshHash()
  const link = { userId, tokenHash, purpose: 'reset' as const, lifetime: 1200, by: 'operator:carol', ...changes }
  expect(await storage.createLink(link)).toBe('created')
  return tokenHash
}

async function newSession(storage: Storage, user: User): Promise<void> {
  const read = await readNow(storage, user.id)
  const ends = { idleSeconds: 600, lifetime: 600, most: 50 }
  await storage.createSession({ ...read, idHash: freshHash(), factorAddedAt: start, ...ends })
}

export function linkContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: one-time links`, makeStorage, (world) => {
    test('a link sets the password once, ends all sessions, and leaves events', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const tokenHash = await newLink(storage, alice)
      await newSession(storage, alice)
      await newSession(storage, alice)
      expect(await storage.findLink(freshHash())).toBeUndefined()
      // Looking at a link does not use it.
      for (let times = 0; times < 2; times++)
        expect(await storage.findLink(tokenHash)).toEqual({ user: alice, purpose: 'reset' })
      world.now += 60
      expect(await storage.setPasswordByLink({ tokenHash: freshHash(), passwordHash })).toBeUndefined()
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash })).toEqual(alice)
      expect(await storage.findCredential(alice.username)).toMatchObject({ passwordHash, addedAt: start + 60 })
      expect(await storage.listSessions({ userId: alice.id })).toEqual([])
      const { credentialRevision } = await readNow(storage, alice.id)
      expect(credentialRevision).toBeGreaterThan(alice.credentialRevision)
      expect(await storage.findLink(tokenHash)).toBeUndefined()
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash: 'another' })).toBeUndefined()
      const events = await storage.listEvents({ event: ['link.created', 'link.used', 'password.changed'] })
      const link: unknown = events[0]?.data?.link
      expect(events).toMatchObject([
        { event: 'link.created', userId: alice.id, data: { link, purpose: 'reset', by: 'operator:carol' } },
        { event: 'link.used', userId: alice.id, data: { link, purpose: 'reset' } },
        { event: 'password.changed', userId: alice.id, data: { sessionsEnded: 2 } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('of 20 parallel uses of one link, exactly one sets the password', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const tokenHash = await newLink(storage, alice)
      const hashes = Array.from({ length: 20 }, (_, index) => `hash-${index}`)
      const uses = hashes.map((hash) => storage.setPasswordByLink({ tokenHash, passwordHash: hash }))
      const winners = (await Promise.all(uses)).flatMap((user, index) => (user ? [hashes[index]] : []))
      expect(winners).toHaveLength(1)
      expect(await storage.findCredential(alice.username)).toMatchObject({ passwordHash: winners[0] })
      expect(await storage.findViolations()).toEqual([])
    })

    test('an invitation adds the first passkey or sets the password, whichever comes first, once', async () => {
      const { storage } = world
      const passkeys = Array.from({ length: 10 }, () => ({
        credentialId: freshHash(),
        publicKey: new Uint8Array([1]),
        counter: 0,
      }))
      const [passkey, second] = passkeys
      if (!passkey || !second) throw new TypeError('there are ten')
      const alice = await storage.createUser({ username: 'alice' })
      const tokenHash = await newLink(storage, alice, { purpose: 'invite' })
      expect(await storage.addPasskeyByLink({ ...passkey, tokenHash: freshHash() })).toBe('unknown')
      expect(await storage.addPasskeyByLink({ ...passkey, tokenHash })).toBe('added')
      expect(await storage.listPasskeys(alice.id)).toMatchObject([{ credentialId: passkey.credentialId }])
      expect((await readNow(storage, alice.id)).credentialRevision).toBeGreaterThan(alice.credentialRevision)
      expect(await storage.addPasskeyByLink({ ...second, tokenHash })).toBe('unknown')
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash })).toBeUndefined()
      const events = await storage.listEvents({ event: ['link.used', 'passkey.added'] })
      expect(events).toMatchObject([
        { event: 'link.used', userId: alice.id, data: { purpose: 'invite' } },
        { event: 'passkey.added', userId: alice.id, data: { credentialId: passkey.credentialId } },
      ])
      const bob = await storage.createUser({ username: 'bob' })
      const ofBob = await newLink(storage, bob, { purpose: 'invite' })
      // A credential that is registered already does not use the link.
      expect(await storage.addPasskeyByLink({ ...passkey, tokenHash: ofBob })).toBe('taken')
      const uses = passkeys.slice(1).map(async (each) => storage.addPasskeyByLink({ ...each, tokenHash: ofBob }))
      const sets = Array.from({ length: 10 }, async () => storage.setPasswordByLink({ tokenHash: ofBob, passwordHash }))
      const done = [
        ...(await Promise.all(uses)).map((each) => each === 'added'),
        ...(await Promise.all(sets)).map(Boolean),
      ]
      expect(done.filter(Boolean)).toHaveLength(1)
      const hasPassword = (await storage.findCredential('bob'))?.passwordHash === passwordHash
      expect(await storage.listPasskeys(bob.id)).toHaveLength(hasPassword ? 0 : 1)
      const carol = await newUser(storage)
      const ofCarol = await newLink(storage, carol)
      expect(await storage.addPasskeyByLink({ ...second, tokenHash: ofCarol })).toBe('unknown')
      expect(await storage.findViolations()).toEqual([])
    })

    test('a link expires, and is then deleted', async () => {
      const { storage } = world
      const tokenHash = await newLink(storage, await newUser(storage))
      world.now += 1199
      expect(await storage.sweep()).toBe(0)
      expect(await storage.findLink(tokenHash)).toBeDefined()
      world.now += 1
      expect(await storage.findLink(tokenHash)).toBeUndefined()
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash })).toBeUndefined()
      expect(await storage.sweep()).toBe(1)
    })

    test('a link no longer works after any change to how its user signs in', async () => {
      const { storage } = world
      const changes: ((user: User) => Promise<unknown>)[] = [
        async ({ id }) => storage.setPasswordHash({ ...(await readNow(storage, id)), passwordHash }),
        async ({ id }) =>
          storage.addPasskey({
            ...(await readNow(storage, id)),
            credentialId: freshHash(),
            publicKey: new Uint8Array([1]),
            counter: 0,
          }),
        async ({ id }) => storage.setUserStatus(id, 'disabled', 'operator:carol'),
        async ({ id }) => storage.closeAccount(await readNow(storage, id)),
        async ({ id: userId }) => {
          const other = freshHash()
          await storage.createLink({ userId, tokenHash: other, purpose: 'reset', lifetime: 60 })
          return storage.setPasswordByLink({ tokenHash: other, passwordHash })
        },
        async () => storage.invalidateRestored('operator:carol'),
      ]
      for (const change of changes) {
        const user = await newUser(storage)
        const tokenHash = await newLink(storage, user)
        await change(user)
        // Not even if the user is enabled again.
        await storage.setUserStatus(user.id, 'active', 'operator:carol')
        expect(await storage.findLink(tokenHash), String(change)).toBeUndefined()
        expect(await storage.setPasswordByLink({ tokenHash, passwordHash: 'stolen' }), String(change)).toBeUndefined()
      }
      expect(await storage.findViolations()).toEqual([])
    })

    test('a link is not created for an address that the user has replaced', async () => {
      const { storage } = world
      const { id: userId } = await newUser(storage)
      await storage.editUser({ userId, email: 'new@home.example' })
      const create = (sentTo: string) =>
        storage.createLink({ userId, tokenHash: freshHash(), purpose: 'reset', lifetime: 60, sentTo })
      expect(await create('old@home.example')).toBe('unknown')
      expect(await create('new@home.example')).toBe('created')
    })

    test('only an active user gets a link, and only a user who cannot sign in gets an invitation', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const invite = (userId: string) =>
        storage.createLink({ userId, tokenHash: freshHash(), purpose: 'invite', lifetime: 60 })
      expect(await invite(alice.id)).toBe('has_factor')
      expect(await invite('00000000-0000-4000-8000-000000000000')).toBe('unknown')
      const bob = await storage.createUser({ username: 'bob', by: 'operator:carol' })
      expect(await storage.findCredential('bob')).toBeUndefined()
      const tokenHash = await newLink(storage, bob, { purpose: 'invite' })
      expect(await storage.findLink(tokenHash)).toEqual({ user: bob, purpose: 'invite' })
      expect(await storage.setPasswordByLink({ tokenHash, passwordHash })).toEqual(bob)
      expect(await invite(bob.id)).toBe('has_factor')
      await storage.setUserStatus(bob.id, 'disabled', 'operator:carol')
      const reset = { userId: bob.id, tokenHash: freshHash(), purpose: 'reset' as const, lifetime: 60 }
      expect(await storage.createLink(reset)).toBe('unknown')
    })
  })
}
