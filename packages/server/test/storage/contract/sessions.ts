import { expect, test } from 'vitest'
import { freshHash, hashOf, newUser, readNow, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function sessionContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: lists of sessions`, makeStorage, (world) => {
    const session = async (userId: string, changes: object = {}) => {
      const idHash = freshHash()
      const created = await world.storage.createSession({
        idHash,
        ...(await readNow(world.storage, userId)),
        factorAddedAt: 0,
        idleSeconds: 300,
        lifetime: 1000,
        most: 50,
        ...changes,
      })
      return { idHash, id: created?.id ?? '' }
    }

    test('a session returns when the user authenticated, which is never after it started', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const authTimeOf = async (authTime?: number) => {
        const { idHash } = await session(user.id, { authTime })
        return (await storage.findSession(idHash))?.authTime
      }
      expect(await authTimeOf()).toBe(start)
      expect(await authTimeOf(start - 500)).toBe(start - 500)
      expect(await authTimeOf(0)).toBe(0)
      expect(await authTimeOf(start + 500)).toBe(start)
    })

    test('a session returns the request for which the user last authenticated (C24)', async () => {
      const { storage } = world
      const { id: userId } = await newUser(storage)
      const [first, second] = [freshHash(), freshHash()]
      const { idHash } = await session(userId, { provedFor: first })
      expect(await storage.findSession(idHash)).toMatchObject({ provedFor: first })
      const read = await readNow(storage, userId)
      const [again, elsewhere] = [freshHash(), freshHash()]
      const renewal = { ...read, factorAddedAt: 0, idHash, newIdHash: again, provedFor: second }
      expect(await storage.reauthenticate(renewal)).toMatchObject({ provedFor: second })
      const { provedFor: _, ...ofAccount } = { ...renewal, idHash: again, newIdHash: elsewhere }
      expect(await storage.reauthenticate(ofAccount)).toMatchObject({ provedFor: null })
      expect(await storage.findSession(elsewhere)).toMatchObject({ provedFor: null })
    })

    test('a session that replaces another ends it, and returns how the user signed in', async () => {
      const { storage } = world
      const { id: userId } = await newUser(storage)
      const [replaced, other, idHash] = [await session(userId), await session(userId), freshHash()]
      const amr = ['pwd', 'otp', 'oidc', 'webauthn'] as const
      const ends = { idleSeconds: 300, lifetime: 1000, most: 50, factorAddedAt: 0 }
      const signIn = { ...(await readNow(storage, userId)), ...ends, idHash, amr, provedFor: hashOf('request') }
      const created = await storage.createSession({ ...signIn, replaces: replaced.idHash })
      expect(created).toMatchObject({ amr, provedFor: hashOf('request'), expiresAt: start + 1000 })
      expect(await storage.findSession(idHash)).toEqual(created)
      expect(await storage.findSession(replaced.idHash)).toBeUndefined()
      expect(await storage.findSession(other.idHash)).toMatchObject({ id: other.id, amr: [] })
      expect(await storage.listEvents({ event: ['session.created', 'session.ended'] })).toMatchObject([
        { event: 'session.created', userId, data: { userAgent: null } },
        { event: 'session.created' },
        { event: 'session.ended', userId },
        { event: 'session.created' },
      ])
    })

    test('a refused sign-in leaves no known browser (C16)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const browserHash = freshHash()
      const isKnown = () => storage.isKnownDevice({ username: user.username, browserHash })
      const read = await readNow(storage, user.id)
      await storage.setPasswordHash({ userId: user.id, passwordHash: 'new', by: 'operator' })
      await session(user.id, { ...read, browserHash })
      expect(await isKnown()).toBe(false)
      await session(user.id, { browserHash })
      expect(await isKnown()).toBe(true)
    })

    test('a session from a factor of the last 24 hours proves nothing while there is an older factor (C24)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const authTimeOf = async (factorAddedAt: number) => {
        const { idHash } = await session(user.id, { factorAddedAt })
        return (await storage.findSession(idHash))?.authTime
      }
      world.now = start + 10
      const passkey = { credentialId: freshHash(), publicKey: new Uint8Array([1]), counter: 0 }
      await storage.addPasskey({ ...(await readNow(storage, user.id)), ...passkey })
      expect(await storage.listFactors(user.id)).toEqual([
        { kind: 'password', id: '', addedAt: start },
        { kind: 'passkey', id: passkey.credentialId, addedAt: start + 10 },
      ])
      expect(await authTimeOf(start)).toBe(start + 10)
      expect(await authTimeOf(start + 10)).toBe(0)
      world.now = start + 10 + 86_399
      expect(await authTimeOf(start + 10)).toBe(0)
      world.now = start + 10 + 86_400
      expect(await authTimeOf(start + 10)).toBe(start + 10 + 86_400)
    })

    test('authenticating with such a factor renews the session, but not its time of sign-in (C24)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      world.now = start + 10
      const identity = { issuer: 'https://login.example', subject: 'alice' }
      await storage.linkFederated({ ...identity, userId: user.id })
      const { idHash } = await session(user.id, { factorAddedAt: start })
      world.now = start + 20
      const renewal = { idHash, newIdHash: freshHash(), credentialRevision: 1, factorAddedAt: start + 10 }
      const amr = ['pwd', 'otp'] as const
      expect(await storage.reauthenticate({ ...renewal, amr })).toMatchObject({ authTime: start + 10, amr: [] })
      const again = { ...renewal, idHash: renewal.newIdHash, newIdHash: freshHash(), factorAddedAt: start }
      expect(await storage.reauthenticate({ ...again, amr })).toMatchObject({ authTime: start + 20, amr })
    })

    test('active sessions are listed, most recently used first, with their device and network', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await session(user.id, { ip: '192.0.2.1', userAgent: 'Browser', amr: ['pwd', 'webauthn'] })
      const second = await session(user.id)
      await session(user.id, { idleSeconds: 60 })
      await session((await newUser(storage)).id)
      world.now += 100
      await storage.findSession(first.idHash)
      expect(await storage.listSessions({ userId: user.id, currentIdHash: second.idHash })).toEqual([
        {
          id: first.id,
          createdAt: start,
          lastSeenAt: start + 100,
          authTime: start,
          amr: ['pwd', 'webauthn'],
          expiresAt: start + 1000,
          ip: '192.0.2.1',
          userAgent: 'Browser',
          current: false,
        },
        expect.objectContaining({
          id: second.id,
          lastSeenAt: start,
          amr: [],
          ip: null,
          userAgent: null,
          current: true,
        }),
      ])
    })

    test('the public id grants no access', async () => {
      const { id, idHash } = await session((await newUser(world.storage)).id)
      expect(await world.storage.findSession(id)).toBeUndefined()
      expect(id).not.toBe(idHash)
    })

    test('a session can be ended by its public id, by its own user only', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const other = await newUser(storage)
      const { id, idHash } = await session(user.id)
      expect(await storage.endSessionById({ userId: other.id, id })).toBe(false)
      expect(await storage.findSession(idHash)).toBeDefined()
      expect(await storage.endSessionById({ userId: user.id, id })).toBe(true)
      expect(await readNow(storage, user.id)).toMatchObject({ credentialRevision: 1 })
      expect(await storage.endSessionById({ userId: user.id, id })).toBe(false)
      expect(await storage.findSession(idHash)).toBeUndefined()
      expect(await storage.listEvents({ event: 'session.ended' })).toHaveLength(1)
    })

    test('signing out ends the session, and what was read of its user no longer counts', async () => {
      const { storage } = world
      const [user, other] = [await newUser(storage), await newUser(storage)]
      const [ended, kept] = [await session(user.id), await session(user.id)]
      await storage.endSession(ended.idHash)
      await storage.endSession(freshHash())
      expect(await storage.findSession(ended.idHash)).toBeUndefined()
      expect(await storage.findSession(kept.idHash)).toMatchObject({ user: { credentialRevision: 1 } })
      expect(await readNow(storage, other.id)).toEqual({ userId: other.id, credentialRevision: 0 })
      expect(await storage.listEvents({ event: 'session.ended' })).toMatchObject([{ userId: user.id }])
    })

    test('all sessions of a user can be ended, or all but one', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const stranger = await session((await newUser(storage)).id)
      const kept = await session(user.id)
      await session(user.id)
      await session(user.id)
      expect(await storage.endSessions({ userId: user.id, exceptIdHash: kept.idHash })).toBe(2)
      expect(await storage.listSessions({ userId: user.id })).toMatchObject([{ id: kept.id }])
      expect(await storage.endSessions({ userId: user.id })).toBe(1)
      expect(await storage.endSessions({ userId: user.id })).toBe(0)
      expect(await storage.findSession(stranger.idHash)).toBeDefined()
      expect((await storage.listEvents({ event: 'sessions.ended' })).map(({ data }) => data)).toEqual([
        { count: 2, others: true },
        { count: 1 },
      ])
    })

    test('the oldest session of a user ends if there would be too many, with an audit row', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const stranger = await session((await newUser(storage)).id)
      const ended = await session(user.id, { lifetime: 1, most: 3 })
      const sessions: { idHash: string; id: string }[] = []
      for (const since of times(4, (index) => start + 10 + index)) {
        world.now = since
        sessions.push(await session(user.id, { most: 3 }))
      }
      const live = async () => (await storage.listSessions({ userId: user.id })).map(({ id }) => id)
      const ids = sessions.map(({ id }) => id)
      expect(await live()).toEqual(ids.slice(1).reverse())
      expect(await storage.findSession(sessions[0]?.idHash ?? '')).toBeUndefined()
      expect(await storage.listEvents({ event: 'session.ended' })).toMatchObject([
        { userId: user.id, data: { session: ids[0], by: 'limit' } },
      ])
      const last = await session(user.id, { most: 1 })
      expect(await live()).toEqual([last.id])
      expect(await storage.findSession(stranger.idHash)).toBeDefined()
      expect(ended.id).not.toBe(last.id)
    })

    test('using a session, or authenticating again in it, does not make it newer', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const oldest = await session(user.id, { most: 2 })
      world.now += 1
      const second = await session(user.id, { most: 2 })
      world.now += 100
      await storage.findSession(oldest.idHash)
      const newIdHash = freshHash()
      await storage.reauthenticate({ idHash: oldest.idHash, newIdHash, credentialRevision: 0, factorAddedAt: 0 })
      const third = await session(user.id, { most: 2 })
      expect(await storage.findSession(newIdHash)).toBeUndefined()
      expect(await storage.findSession(second.idHash)).toBeDefined()
      expect(await storage.findSession(third.idHash)).toBeDefined()
    })

    test('of 20 sessions that start at the same time, no more than the limit stay active', async () => {
      const { storage } = world
      const user = await newUser(storage)
      await Promise.all(times(20, () => session(user.id, { most: 5 })))
      expect(await storage.listSessions({ userId: user.id })).toHaveLength(5)
      expect(await storage.listEvents({ event: 'session.ended' })).toHaveLength(15)
    })

    test('after authenticating again, the session has a new secret, a new time of sign-in and the same expiry (C18, C24)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { idHash, id } = await session(user.id, { amr: ['pwd'] })
      const newIdHash = freshHash()
      world.now += 200
      const renewed = { id, user, authTime: start + 200, amr: ['pwd'], provedFor: null, expiresAt: start + 1000 }
      expect(await storage.reauthenticate({ idHash, newIdHash, credentialRevision: 0, factorAddedAt: 0 })).toEqual(
        renewed,
      )
      expect(await storage.findSession(idHash)).toBeUndefined()
      world.now += 299
      expect(await storage.findSession(newIdHash)).toEqual(renewed)
      expect(await storage.listEvents({ event: 'session.reauthenticated' })).toMatchObject([{ userId: user.id }])
    })

    test('of 10 parallel renewals of one session, exactly one is accepted', async () => {
      const { storage } = world
      const { idHash } = await session((await newUser(storage)).id)
      const results = await Promise.all(
        times(10, () =>
          storage.reauthenticate({
            idHash,
            newIdHash: freshHash(),
            credentialRevision: 0,
            factorAddedAt: 0,
            amr: ['webauthn'],
          }),
        ),
      )
      expect(results.filter(Boolean)).toMatchObject([{ amr: ['webauthn'] }])
    })

    test('an ended session, or a disabled user’s, is not renewed', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const idle = await session(user.id)
      world.now += 300
      expect(
        await storage.reauthenticate({
          idHash: idle.idHash,
          newIdHash: freshHash(),
          credentialRevision: 0,
          factorAddedAt: 0,
        }),
      ).toBeUndefined()
      expect(
        await storage.reauthenticate({
          idHash: hashOf('unknown'),
          newIdHash: freshHash(),
          credentialRevision: 0,
          factorAddedAt: 0,
        }),
      ).toBeUndefined()
      const used = await session(user.id)
      const other = await session(user.id)
      await expect(
        storage.reauthenticate({
          idHash: used.idHash,
          newIdHash: other.idHash,
          credentialRevision: 0,
          factorAddedAt: 0,
        }),
      ).rejects.toThrow()
      await storage.setUserStatus(user.id, 'disabled')
      expect(
        await storage.reauthenticate({
          idHash: used.idHash,
          newIdHash: freshHash(),
          credentialRevision: 0,
          factorAddedAt: 0,
        }),
      ).toBeUndefined()
    })
  })
}
