import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  eventNames,
  freshHash,
  newUser,
  outcomeOf,
  readNow,
  refreshable,
  signInWith,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const issuer = 'https://login.example'

export function accountContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: accounts`, makeStorage, (world) => {
    const session = async (userId: string) => {
      const idHash = freshHash()
      await world.storage.createSession({
        idHash,
        ...(await readNow(world.storage, userId)),
        factorAddedAt: 0,
        idleSeconds: 300,
        lifetime: 1000,
        most: 50,
      })
      return idHash
    }

    test('an identity is unlinked unless the user could then no longer sign in', async () => {
      const { storage } = world
      const link = { issuer: 'https://id.example', subject: 'alice' }
      const { user } = await storage.createFederatedUser({ ...link, username: 'alice' })
      const unlink = async (otherWays = { passkey: true, issuers: [] as string[] }, changes = {}) =>
        storage.unlinkFederated({ ...(await readNow(storage, user.id)), ...link, otherWays, ...changes })
      expect(await unlink()).toBe('only_way')
      expect(await unlink(undefined, { subject: 'other' })).toBe('unknown')
      const stale = await readNow(storage, user.id)
      await storage.linkFederated({ issuer: 'https://other.example', subject: 'a', userId: user.id })
      expect(await unlink()).toBe('only_way')
      expect(await unlink(undefined, stale)).toBe('changed')
      const passkey = { credentialId: 'key', publicKey: new Uint8Array([1]), counter: 0 }
      await storage.addPasskey({ ...(await readNow(storage, user.id)), ...passkey })
      expect(await unlink({ passkey: false, issuers: [] })).toBe('only_way')
      const others = { issuer: link.issuer, subject: 'bob' }
      const { user: bob } = await storage.createFederatedUser({ ...others, username: 'bob' })
      world.now += 1
      await storage.linkFederated({ issuer: link.issuer, subject: 'alice-2', userId: user.id })
      expect(await unlink()).toBe('unlinked')
      expect(await storage.findFederatedUser(link)).toBeUndefined()
      expect(await storage.findFederatedUser(others)).toMatchObject({ id: bob.id })
      expect(await storage.listFederated(user.id)).toEqual([
        { issuer: 'https://other.example', subject: 'a', createdAt: start },
        { issuer: link.issuer, subject: 'alice-2', createdAt: start + 1 },
      ])
      expect(await storage.listEvents({ event: 'identity.unlinked' })).toMatchObject([
        { userId: user.id, data: { issuer: link.issuer } },
      ])
      expect(await unlink({ passkey: true, issuers: ['https://other.example'] })).toBe('unknown')
    })

    test('a user is found by id, and by a name in another case or width, and shown as typed', async () => {
      const { storage } = world
      const user = await newUser(storage, 'Élise')
      expect(await storage.findUser(user.id)).toEqual(user)
      expect(await storage.findUser('nobody')).toBeUndefined()
      for (const typed of ['Élise', 'éLISE', 'E\u0301lise', 'Éｌｉｓｅ']) {
        expect((await storage.findCredential(typed))?.user).toEqual(user)
        await expect(newUser(storage, typed)).rejects.toMatchObject({ code: 'username_taken' })
      }
      expect(await storage.findCredential('Elise')).toBeUndefined()
      const degrees = await newUser(storage, '20\u2103')
      expect((await storage.findCredential('20°c'))?.user).toEqual(degrees)
    })

    test('no user can take the name that a closed account will have', async () => {
      const { storage } = world
      const alice = await newUser(storage, 'alice')
      const typed = `Closed-${alice.id}`
      await expect(newUser(storage, typed)).rejects.toMatchObject({ code: 'username_taken' })
      const federated = await storage.createFederatedUser({ issuer, subject: 'mallory', username: typed })
      expect(federated.user.username).toBe(`${typed}2`)
      await newUser(storage, 'closed-for-lunch')
      expect(await storage.closeAccount(asRead(alice))).toBe(true)
      expect(await storage.findUser(alice.id)).toMatchObject({ username: `closed-${alice.id}` })
    })

    test('no user can take a name that looks like another user’s, whichever comes first', async () => {
      const { storage } = world
      const people = await Promise.all(
        ['paypal', '\u0441\u043E\u0440\u0435', 'ALICE'].map((each) => newUser(storage, each)),
      )
      for (const typed of ['paypaI', 'PayPa1', 'cope', '\u0430lice', 'al1ce']) {
        await expect(newUser(storage, typed), typed).rejects.toMatchObject({ code: 'username_looks_alike' })
        expect(await storage.findCredential(typed)).toBeUndefined()
      }
      await expect(newUser(storage, 'alice')).rejects.toMatchObject({ code: 'username_taken' })
      expect(await storage.countUsers()).toBe(people.length)
    })

    test('a user who signs in through a provider gets a number if the name looks like another user’s', async () => {
      const { storage } = world
      await newUser(storage, 'paypal')
      const { user } = await storage.createFederatedUser({ issuer, subject: 'mallory', username: 'paypaI' })
      expect(user.username).toBe('paypaI2')
      const next = await storage.createFederatedUser({ issuer, subject: 'other', username: 'paypa1' })
      expect(next.user.username).toBe('paypa13')
    })

    test('a disabled user’s name still blocks look-alikes; a closed account’s does not', async () => {
      const { storage } = world
      const user = await newUser(storage, 'paypal')
      await storage.setUserStatus(user.id, 'disabled')
      await expect(newUser(storage, 'paypaI')).rejects.toMatchObject({ code: 'username_looks_alike' })
      await storage.closeAccount(await readNow(storage, user.id))
      expect((await newUser(storage, 'paypaI')).username).toBe('paypaI')
    })

    test('of 20 parallel look-alike sign-ups, exactly one succeeds', async () => {
      const names = ['paypal', 'paypaI', 'paypa1', 'PayPaI', 'p\u0430ypal'].flatMap((each) => times(4, () => each))
      const results = await Promise.allSettled(names.map((each) => newUser(world.storage, each)))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await world.storage.countUsers()).toBe(1)
    })

    test('of 20 parallel sign-ups that differ only in case, exactly one succeeds', async () => {
      const names = times(20, (index) => (index % 2 === 0 ? 'alice' : 'Alice'))
      const results = await Promise.allSettled(names.map((typed) => newUser(world.storage, typed)))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    test('users are listed in order of creation, by page, part of the name or email, and status', async () => {
      const { storage } = world
      const people = []
      for (const username of ['Ann', 'Bob', 'annette', '100%', 'a_c']) people.push(await newUser(storage, username))
      const carol = await storage.createUser({ username: 'carol', passwordHash: 'hash', email: 'Carol@Example.org' })
      await storage.setUserStatus(people[1]?.id ?? '', 'disabled')
      const names = async (filter?: object) => (await storage.listUsers(filter)).map(({ username }) => username)
      expect(await names()).toEqual(['Ann', 'Bob', 'annette', '100%', 'a_c', 'carol'])
      expect(await names({ limit: 2 })).toEqual(['Ann', 'Bob'])
      expect(await names({ limit: 2, after: people[1]?.id })).toEqual(['annette', '100%'])
      expect(await names({ query: 'ANN' })).toEqual(['Ann', 'annette'])
      expect(await names({ query: 'carol@example' })).toEqual(['carol'])
      expect(await names({ query: '%' })).toEqual(['100%'])
      expect(await names({ query: '_' })).toEqual(['a_c'])
      expect(await names({ status: 'disabled' })).toEqual(['Bob'])
      expect(await names({ status: 'active' })).toEqual(['Ann', 'annette', '100%', 'a_c', 'carol'])
      expect(await storage.listUsers({ query: 'carol' })).toEqual([{ ...carol, createdAt: start }])
      expect(await storage.countUsers()).toBe(6)
    })

    test('a new password ends every session but the current one (C20)', async () => {
      const { storage } = world
      const user = await newUser(storage, 'alice')
      const kept = await session(user.id)
      const others = [await session(user.id), await session(user.id)]
      expect(await storage.setPasswordHash({ ...asRead(user), passwordHash: 'new', keepSession: kept })).toBe(1)
      expect(await storage.findSession(kept)).toBeDefined()
      for (const other of others) expect(await storage.findSession(other)).toBeUndefined()
      expect((await storage.findCredential('alice'))?.passwordHash).toBe('new')
      expect(await storage.setPasswordHash({ ...asRead(user), passwordHash: 'stale' })).toBeUndefined()
      await storage.setPasswordHash({ ...(await readNow(storage, user.id)), passwordHash: 'newer' })
      expect(await storage.findSession(kept)).toBeUndefined()
      expect(await storage.listEvents({ event: 'password.changed' })).toMatchObject([
        { userId: user.id, data: { sessionsEnded: 2 } },
        { userId: user.id, data: { sessionsEnded: 1 } },
      ])
      expect(await storage.setPasswordHash({ userId: 'nobody', passwordHash: 'new', by: 'operator' })).toBeUndefined()
    })

    test('a new password forgets the user’s known browsers, and no one else’s (C16)', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const browserHash = freshHash()
      for (const { id: userId } of [alice, bob]) await signInWith(storage, { userId, browserHash })
      await storage.setPasswordHash({ ...asRead(alice), passwordHash: 'new' })
      expect(await storage.isKnownDevice({ username: alice.username, browserHash })).toBe(false)
      expect(await storage.isKnownDevice({ username: bob.username, browserHash })).toBe(true)
    })

    test('the browser that sets a new password stays known, and one whose change is refused is not remembered (C16)', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const [own, other] = [freshHash(), freshHash()]
      const isKnown = (browserHash: string) => storage.isKnownDevice({ username: alice.username, browserHash })
      await storage.setPasswordHash({ ...asRead(alice), passwordHash: 'new', keepBrowser: own })
      expect(await isKnown(own)).toBe(true)
      await storage.setPasswordHash({ ...asRead(alice), passwordHash: 'stale', keepBrowser: other })
      expect(await isKnown(other)).toBe(false)
    })

    test('unlocking a user, or a new password, clears the attempts on that account only (C16)', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const [address, network] = [freshHash(), freshHash()]
      const limit = { window: 900, most: 1 }
      const limits = [alice, bob].flatMap(({ username: account }) => [
        { ...limit, key: address, account },
        { ...limit, key: network, account: account.toUpperCase() },
      ])
      const reached = () =>
        Promise.all(
          [...limits, { ...limit, key: network }].map(
            async (each) => (await storage.countWithinLimits([each])) !== undefined,
          ),
        )
      expect(await reached()).toEqual([false, false, false, false, false])
      expect(await reached()).toEqual([true, true, true, true, true])
      expect(await storage.unlockUser({ userId: alice.id, by: 'operator:carol' })).toBe(true)
      expect(await reached()).toEqual([false, false, true, true, true])
      await storage.setPasswordHash({ userId: bob.id, passwordHash: 'new', by: 'operator:carol' })
      expect(await reached()).toEqual([true, true, false, false, true])
      expect(await storage.listEvents({ event: 'user.unlocked' })).toMatchObject([
        { userId: alice.id, data: { by: 'operator:carol' } },
      ])
      await storage.closeAccount(asRead((await storage.findUser(bob.id)) ?? bob))
      expect(await storage.unlockUser({ userId: bob.id })).toBe(false)
      expect(await storage.unlockUser({ userId: 'nobody' })).toBe(false)
    })

    test('a user’s name and email address can be changed and removed, and the audit log says which', async () => {
      const { storage } = world
      const { id: userId } = await storage.createUser({
        username: 'alice',
        passwordHash: 'hash',
        email: 'a@example.org',
      })
      expect(await storage.editUser({ userId, displayName: 'Alice', by: 'operator:carol' })).toBe(true)
      expect(await storage.findUser(userId)).toMatchObject({ displayName: 'Alice', email: 'a@example.org' })
      for (const before of [{ email: 'other@example.org' }, { email: null }, { displayName: 'Bob' }])
        expect(await storage.editUser({ userId, email: null, before })).toBe(false)
      expect(await storage.editUser({ userId, email: null, displayName: 'Alice' })).toBe(true)
      expect(await storage.findUser(userId)).toMatchObject({ displayName: 'Alice', email: null })
      expect(await storage.editUser({ userId, email: null })).toBe(true)
      expect((await storage.listEvents({ event: 'user.edited' })).map(({ data }) => data)).toEqual([
        { displayName: true, email: false, by: 'operator:carol' },
        { displayName: false, email: true },
      ])
      const user = (await storage.findUser(userId)) ?? expect.fail()
      await storage.closeAccount(asRead(user))
      expect(await storage.editUser({ userId, email: 'b@example.org' })).toBe(false)
      expect(await storage.editUser({ userId: 'nobody', email: 'b@example.org' })).toBe(false)
    })

    test('a closed account leaves nothing behind except its id', async () => {
      const { storage } = world
      const user = await storage.createUser({
        username: 'alice',
        passwordHash: 'hash',
        email: 'a@example.org',
        displayName: 'Alice',
      })
      const identity = { issuer, subject: 'alice' }
      await storage.linkFederated({ ...identity, userId: user.id })
      const credentialId = freshHash()
      await storage.addPasskey({
        ...(await readNow(storage, user.id)),
        credentialId,
        publicKey: new Uint8Array([1]),
        counter: 0,
      })
      const device = { userId: user.id, browserHash: freshHash() }
      await signInWith(storage, device)
      const idHash = await session(user.id)
      const open = await boundRequest(storage, {}, user)
      const unredeemed = await allowedRequest(storage, {}, {}, user)
      const { refresh, grantId } = await refreshable(storage, {}, {}, user)

      const now = await readNow(storage, user.id)
      const closings = await Promise.all(times(5, () => storage.closeAccount(now)))
      expect(closings.filter((closed) => closed)).toEqual([true])

      expect(await storage.findUser(user.id)).toEqual({
        ...user,
        username: `closed-${user.id}`,
        email: null,
        displayName: null,
        status: 'closed',
        credentialRevision: now.credentialRevision + 1,
      })
      expect(await storage.findCredential('alice')).toBeUndefined()
      expect(await storage.findFederatedUser(identity)).toBeUndefined()
      expect(await storage.findPasskey(credentialId)).toBeUndefined()
      expect(await storage.isKnownDevice({ username: 'alice', browserHash: device.browserHash })).toBe(false)
      expect(await storage.findSession(idHash)).toBeUndefined()
      expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'abandoned' })
      expect(outcomeOf(await storage.redeemCode(unredeemed.redemption))).toBe('user_disabled')
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('user_disabled')
      expect(await storage.findGrant(grantId)).toMatchObject({ revokedBy: 'account.closed' })
      expect(await storage.listEvents({ event: 'account.closed' })).toMatchObject([{ userId: user.id }])
    })

    test('a closed account cannot be reopened, and its name is free', async () => {
      const { storage } = world
      const user = await newUser(storage, 'alice')
      await storage.closeAccount(asRead(user))
      expect(await storage.closeAccount(asRead(user))).toBe(false)
      expect(await storage.closeAccount({ userId: 'nobody', credentialRevision: 0 })).toBe(false)
      expect(await storage.setUserStatus(user.id, 'active')).toBe(false)
      expect(await storage.setPasswordHash({ ...asRead(user), passwordHash: 'new' })).toBeUndefined()
      expect(await storage.linkFederated({ issuer, subject: 's', userId: user.id })).toBe('unknown_user')
      expect(await storage.findSession(await session(user.id))).toBeUndefined()
      expect(await storage.countUsers()).toBe(0)
      expect(await storage.listUsers()).toEqual([])
      expect(await storage.listUsers({ status: 'closed' })).toMatchObject([{ id: user.id }])
      expect((await newUser(storage, 'alice')).id).not.toBe(user.id)
    })

    test('an export contains everything stored about a user, and no key, hash or secret', async () => {
      const { storage } = world
      const user = await newUser(storage, 'alice')
      await newUser(storage, 'bob')
      const idHash = await session(user.id)
      await storage.linkFederated({ issuer, subject: 'alice', userId: user.id })
      const credentialId = freshHash()
      await storage.addPasskey({
        ...(await readNow(storage, user.id)),
        credentialId,
        publicKey: new Uint8Array([1, 2]),
        counter: 3,
      })
      const { refresh, grantId, redemption } = await refreshable(storage, {}, {}, user)
      await storage.refreshGrant(refresh)
      const exported = await storage.exportUser(user.id)
      expect(exported).toMatchObject({
        exportedAt: start,
        user: { ...user, createdAt: start, credentialRevision: 2 },
        identities: [{ issuer, subject: 'alice', createdAt: start }],
        passkeys: [{ credentialId, counter: 3 }],
        sessions: [{ createdAt: start }],
        grants: [{ id: grantId, agent }],
        usage: [{ grantId, refreshes: 1 }],
      })
      expect(exported?.activity.map(({ event }) => event)).toEqual([
        'user.created',
        'session.created',
        'identity.linked',
        'passkey.added',
        'request.bound',
        'request.allowed',
        'code.redeemed',
        'account.exported',
      ])
      const text = JSON.stringify(exported)
      for (const secret of ['publicKey', '$argon2id', idHash, refresh.tokenHash, redemption.codeHash]) {
        expect(text).not.toContain(secret)
      }
      expect(await storage.exportUser('nobody')).toBeUndefined()
    })

    test('20 parallel first sign-ins with one federated identity add one user', async () => {
      const { storage } = world
      const wished = { issuer, subject: 'a-1', username: 'alice', email: 'a@example.org' }
      const results = await Promise.all(times(20, () => storage.createFederatedUser(wished)))
      expect(results.filter(({ created }) => created)).toHaveLength(1)
      expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
      expect(await storage.findFederatedUser({ issuer, subject: 'a-1' })).toEqual(results[0]?.user)
      expect(await eventNames(storage)).toEqual(['user.created'])
    })

    test('a name in use gets a number, and a very common one a random suffix', async () => {
      const { storage } = world
      await newUser(storage, 'Alice')
      const added = await Promise.all(
        times(32, (index) => storage.createFederatedUser({ issuer, subject: `a-${index}`, username: 'alice' })),
      )
      const names = added.map(({ user }) => user.username)
      const numbered = names.filter((name) => /^alice\d+$/.test(name))
      expect(new Set(numbered)).toEqual(new Set(times(29, (index) => `alice${index + 2}`)))
      expect(names.filter((name) => /^alice-[0-9a-f]{8}$/.test(name))).toHaveLength(3)
      expect(new Set(names).size).toBe(32)
    })

    test('a user who signs in through a provider has no password until one is set', async () => {
      const { storage } = world
      const { user } = await storage.createFederatedUser({ issuer, subject: 'a', username: 'alice' })
      expect(await storage.findCredential('alice')).toBeUndefined()
      await storage.setPasswordHash({ ...asRead(user), passwordHash: 'first' })
      expect(await storage.findCredential('alice')).toEqual({
        user: { ...user, credentialRevision: 1 },
        passwordHash: 'first',
        addedAt: start,
      })
    })

    test('a federated identity belongs to one user, and the same subject of another issuer is a different one', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const link = { issuer, subject: 's' }
      expect(await storage.linkFederated({ ...link, userId: alice.id })).toBe('linked')
      expect(await storage.linkFederated({ ...link, userId: alice.id })).toBe('linked')
      expect(await storage.linkFederated({ ...link, userId: bob.id })).toBe('taken')
      expect(await storage.linkFederated({ issuer, subject: 't', userId: 'nobody' })).toBe('unknown_user')
      expect(await storage.findFederatedUser({ issuer: 'https://other.example', subject: 's' })).toBeUndefined()
      expect(await storage.listFederated(alice.id)).toEqual([{ ...link, createdAt: start }])
      expect(await storage.listEvents({ event: 'identity.linked' })).toHaveLength(1)
    })
  })
}
