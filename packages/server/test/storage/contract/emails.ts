import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import { agent, allowedRequest, freshHash, newUser, readNow, resource } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const claim = { limit: 10, lease: 120, perAddress: 5 }
const hour = 3600

/** A user with this address, which they have confirmed. */
async function withAddress(storage: Storage, email: string, username?: string): Promise<User> {
  const { id: userId } = await newUser(storage, username)
  await storage.editUser({ userId, email })
  expect(await storage.confirmEmail({ userId, email, language: 'en' })).toBe(true)
  const user = await storage.findUser(userId)
  if (!user) throw new Error('no such user')
  return user
}

const reset = ({ username }: User) => ({ kind: 'reset', username, language: 'ar' }) as const

export function emailContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: emails`, makeStorage, (world) => {
    test('an email is claimed once, for one attempt, and is then sent, with an event', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      await storage.queueEmail({ ...reset(alice), username: alice.username.toUpperCase() })
      const claims = await Promise.all(Array.from({ length: 20 }, () => storage.claimEmails(claim)))
      const [email, ...others] = claims.flat()
      expect(others).toEqual([])
      if (!email) throw new Error('no email')
      const { id } = email
      expect(email).toEqual({
        id,
        kind: 'reset',
        attempt: 1,
        language: 'ar',
        user: alice,
        address: 'alice@home.example',
      })
      const sent = { id, attempt: 1, outcome: 'sent' } as const
      expect(await storage.settleEmail({ ...sent, attempt: 2 })).toBe(false)
      expect(await storage.settleEmail(sent)).toBe(true)
      expect(await storage.settleEmail(sent)).toBe(false)
      const events = await storage.listEvents({ event: ['email.sent', 'email.unsent'] })
      expect(events).toMatchObject([{ event: 'email.sent', userId: alice.id, data: { email: id, kind: 'reset' } }])
      expect(JSON.stringify(await storage.listEvents())).not.toContain('home.example')
      world.now += 86_399
      expect(await storage.claimEmails(claim)).toEqual([])
      expect(await storage.findViolations()).toEqual([])
    })

    test('an attempt that failed is repeated after a minute and then five, and not again', async () => {
      const { storage } = world
      await storage.queueEmail(reset(await withAddress(storage, 'a@home.example')))
      const attempts: number[] = []
      for (const delay of [60, 300, 0]) {
        // The address receives one link, however often it is attempted: two emails are for notices.
        const [email] = await storage.claimEmails({ ...claim, perAddress: 3 })
        if (!email) throw new Error('no email')
        const { id, attempt } = email
        attempts.push(attempt)
        expect(await storage.settleEmail({ id, attempt, outcome: 'retry', reason: 'ECONNECTION' })).toBe(true)
        world.now += delay - 1
        expect(await storage.claimEmails(claim)).toEqual([])
        world.now += 1
      }
      expect(attempts).toEqual([1, 2, 3])
      world.now += 600
      expect(await storage.claimEmails(claim)).toEqual([])
      const data = { kind: 'reset', outcome: 'failed', reason: 'ECONNECTION', attempts: 3 }
      expect(await storage.listEvents({ event: 'email.unsent' })).toMatchObject([{ data }])
      expect(await storage.findViolations()).toEqual([])
    })

    test.each(['refused', 'unknown'] as const)('an email is not sent again after the outcome %s', async (outcome) => {
      const { storage } = world
      await storage.queueEmail(reset(await withAddress(storage, 'a@home.example')))
      const [email] = await storage.claimEmails(claim)
      await storage.settleEmail({ id: email?.id ?? '', attempt: 1, outcome, reason: 'RCPT TO 550' })
      world.now += hour
      expect(await storage.claimEmails(claim)).toEqual([])
      const data = { outcome, reason: 'RCPT TO 550', attempts: 1 }
      expect(await storage.listEvents({ event: 'email.unsent' })).toMatchObject([{ data }])
    })

    test('an attempt that was interrupted is reported and not repeated, because the email may have been sent', async () => {
      const { storage } = world
      await storage.queueEmail(reset(await withAddress(storage, 'a@home.example')))
      const [email] = await storage.claimEmails(claim)
      world.now += 119
      expect(await storage.claimEmails(claim)).toEqual([])
      expect(await storage.listEvents({ event: 'email.unsent' })).toEqual([])
      world.now += 1
      expect(await storage.claimEmails(claim)).toEqual([])
      const data = { outcome: 'unknown', reason: 'interrupted', attempts: 1 }
      expect(await storage.listEvents({ event: 'email.unsent' })).toMatchObject([{ data }])
      expect(await storage.settleEmail({ id: email?.id ?? '', attempt: 1, outcome: 'sent' })).toBe(false)
    })

    test('an email that could not be claimed for an hour is not sent', async () => {
      const { storage } = world
      await storage.queueEmail(reset(await withAddress(storage, 'a@home.example')))
      world.now += hour
      expect(await storage.claimEmails(claim)).toEqual([])
      const data = { outcome: 'failed', reason: 'too_late', attempts: 0 }
      expect(await storage.listEvents({ event: 'email.unsent' })).toMatchObject([{ data }])
    })

    test('an address receives five emails an hour, whichever accounts it belongs to, and others are not delayed', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'both@home.example')
      const other = await withAddress(storage, 'BOTH@home.example')
      const bob = await withAddress(storage, 'bob@home.example')
      for (const user of [alice, other, alice, other, alice, other, alice, bob]) await storage.queueEmail(reset(user))
      const addresses = (await storage.claimEmails(claim)).map(({ user }) => user.username)
      // The other two are for notices.
      expect(addresses).toEqual([alice, other, alice, bob].map(({ username }) => username))
      for (const user of [alice, other, alice])
        await storage.setPasswordHash({ userId: user.id, passwordHash: freshHash(), by: 'operator:carol' })
      expect(await storage.claimEmails(claim)).toMatchObject([{ user: { id: alice.id } }, { user: { id: other.id } }])
      const limited = await storage.listEvents({ event: 'email.unsent' })
      expect(limited.map(({ data }) => data?.reason)).toEqual(Array.from({ length: 5 }, () => 'too_many'))
      world.now += hour
      await storage.claimEmails(claim)
      await storage.queueEmail(reset(alice))
      expect(await storage.claimEmails(claim)).toHaveLength(1)
    })

    test('a link for a password goes only to a confirmed address of an active user with a password or passkey', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example', 'alice')
      const claimFor = async (username: string, kind: 'reset' | 'confirm' = 'reset') => {
        await storage.queueEmail({ kind, username, language: 'en' })
        return (await storage.claimEmails(claim)).map(({ address }) => address)
      }
      expect(await claimFor('alice')).toEqual(['alice@home.example'])
      expect(await claimFor('alice', 'confirm')).toEqual([])
      expect(await claimFor('unknown')).toEqual([])
      const { id: userId } = alice
      await storage.editUser({ userId, displayName: 'Alice' })
      expect(await storage.findUser(userId)).toMatchObject({ emailConfirmedAt: start })
      await storage.editUser({ userId, email: 'new@home.example' })
      // The address that the user had is notified.
      expect(await claimFor('alice')).toEqual(['alice@home.example'])
      expect(await claimFor('alice', 'confirm')).toEqual(['new@home.example'])
      expect(await storage.confirmEmail({ userId, email: 'alice@home.example', language: 'en' })).toBe(false)
      expect(await storage.confirmEmail({ userId, email: 'new@home.example', language: 'en' })).toBe(true)
      expect(await claimFor('alice')).toEqual(['new@home.example'])
      await storage.setUserStatus(userId, 'disabled')
      expect(await claimFor('alice')).toEqual([])
      expect(await storage.confirmEmail({ userId, email: 'new@home.example', language: 'en' })).toBe(false)
      const identity = { issuer: 'https://id.example', subject: 'carol' }
      const { user } = await storage.createFederatedUser({ ...identity, username: 'carol', email: 'c@home.example' })
      await storage.confirmEmail({ userId: user.id, email: 'c@home.example', language: 'en' })
      expect(await claimFor('carol')).toEqual([])
      await storage.closeAccount(await readNow(storage, user.id))
      expect(await storage.findUser(user.id)).toMatchObject({ email: null, emailConfirmedAt: null })
      expect(await storage.listEvents({ event: 'email.unsent' })).toEqual([])
    })

    test('each change to how a user signs in queues a notice, in the language in which they confirmed the address', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      const { id: userId } = alice
      await storage.editUser({ userId, email: 'new@home.example' })
      const silent = await storage.setPasswordHash({ userId, passwordHash: 'hash', by: 'operator:carol' })
      expect(silent).toBeDefined()
      const [changed, ...others] = await storage.claimEmails(claim)
      expect([changed?.kind, changed?.language, changed?.address]).toEqual([
        'email_changed',
        'en',
        'alice@home.example',
      ])
      expect(others).toEqual([])
      await storage.confirmEmail({ userId, email: 'new@home.example', language: 'ar' })
      await storage.setPasswordHash({ userId, passwordHash: 'another', by: 'operator:carol' })
      const passkey = { credentialId: 'key', publicKey: new Uint8Array([1]), counter: 0 }
      await storage.addPasskey({ ...(await readNow(storage, userId)), ...passkey })
      await storage.removePasskey({ userId, credentialId: 'key', by: 'operator:carol' })
      const seconds = { idleSeconds: 600, lifetime: 600, most: 50, factorAddedAt: 0 }
      const signIn = async (browserHash: string) =>
        storage.createSession({ ...(await readNow(storage, userId)), ...seconds, idHash: freshHash(), browserHash })
      const [first, second] = [freshHash(), freshHash()]
      for (const browser of [first, first, second, second, first]) await signIn(browser)
      const claimed = await storage.claimEmails(claim)
      for (const { id, attempt } of [changed, ...claimed].filter((each) => each !== undefined))
        await storage.settleEmail({ id, attempt, outcome: 'sent' })
      const notices = claimed.map(({ kind, language, address }) => [kind, language, address])
      const to = ['ar', 'new@home.example']
      expect(notices).toEqual([
        ['password_changed', ...to],
        ['passkey_added', ...to],
        ['passkey_removed', ...to],
        ['new_device', ...to],
      ])
      const signIns = await storage.listEvents({ userId, event: 'session.created' })
      expect(signIns.map(({ data }) => data?.newDevice)).toEqual([undefined, undefined, true, undefined, undefined])
      await storage.setPasswordHash({ userId, passwordHash: 'third', by: 'operator:carol' })
      world.now += 86_400
      // A notice that no server sends is deleted, as are those that were sent, with the attempts that counted toward their limit.
      expect(await storage.sweep()).toBe(16)
      expect(await storage.claimEmails(claim)).toEqual([])
      expect(await storage.listEvents({ event: 'email.unsent' })).toEqual([])
    })

    test('the first time that a user allows an agent queues a notice, unless they turned these off', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      const allow = (changes: Parameters<typeof allowedRequest>[1]) =>
        allowedRequest(storage, changes, { remembered: true }, alice)
      await allow({ scope: 'a' })
      await allow({ scope: 'a b' })
      await allow({ resource: 'https://other.example' })
      const about = { agent, resource }
      expect(await storage.claimEmails(claim)).toMatchObject([{ kind: 'agent_allowed', about, user: alice }])
      const another = { agent: 'https://new.example' }
      await allow(another)
      await storage.editUser({ userId: alice.id, agentEmails: false })
      expect(await storage.findUser(alice.id)).toMatchObject({ agentEmails: false })
      expect(await storage.claimEmails(claim)).toEqual([])
      await storage.setPasswordHash({ userId: alice.id, passwordHash: 'hash', by: 'operator:carol' })
      expect(await storage.claimEmails(claim)).toMatchObject([{ kind: 'password_changed' }])
      await storage.editUser({ userId: alice.id, agentEmails: true })
      await allow({ agent: 'https://third.example' })
      expect(await storage.claimEmails(claim)).toMatchObject([{ kind: 'agent_allowed' }])
    })

    test('notices leave an email of an hour for a link', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      for (const passwordHash of ['1', '2', '3', '4', '5'])
        await storage.setPasswordHash({ userId: alice.id, passwordHash, by: 'operator:carol' })
      await storage.queueEmail(reset(alice))
      await storage.queueEmail(reset(alice))
      const kinds = (await storage.claimEmails(claim)).map(({ kind }) => kind)
      expect(kinds).toEqual([...Array.from({ length: 4 }, () => 'password_changed'), 'reset'])
    })

    test('links and notices about agents leave two emails of an hour for notices about the account', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      await storage.queueEmail(reset(alice))
      for (const host of ['a', 'b', 'c']) await allowedRequest(storage, { agent: `https://${host}.example` }, {}, alice)
      const claimKinds = async () => (await storage.claimEmails(claim)).map(({ kind }) => kind)
      expect(await claimKinds()).toEqual(['reset', 'agent_allowed', 'agent_allowed'])
      await storage.queueEmail(reset(alice))
      expect(await claimKinds()).toEqual([])
      for (const passwordHash of ['1', '2', '3'])
        await storage.setPasswordHash({ userId: alice.id, passwordHash, by: 'operator:carol' })
      expect(await claimKinds()).toEqual(['password_changed', 'password_changed'])
    })

    test('links and notices about the account are claimed before notices about agents, with a separate limit', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      const others = [await withAddress(storage, 'b@home.example'), await withAddress(storage, 'c@home.example')]
      for (const user of [alice, ...others]) await allowedRequest(storage, {}, {}, user)
      world.now += 60
      await storage.queueEmail(reset(alice))
      await storage.setPasswordHash({ userId: alice.id, passwordHash: '1', by: 'operator:carol' })
      const kinds = async (limits: { limit: number; agentLimit?: number }) =>
        (await storage.claimEmails({ ...claim, ...limits })).map(({ kind }) => kind)
      expect(await kinds({ limit: 1 })).toEqual(['reset'])
      expect(await kinds({ limit: 10, agentLimit: 1 })).toEqual(['password_changed', 'agent_allowed'])
      expect(await kinds({ limit: 10, agentLimit: 0 })).toEqual([])
      expect(await kinds({ limit: 1 })).toEqual(['agent_allowed'])
    })

    test('a provider that is linked or unlinked queues a notice', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      await storage.setPasswordHash({ userId: alice.id, passwordHash: 'hash', by: 'operator:carol' })
      const identity = { issuer: 'https://id.example', subject: 'alice' }
      await storage.linkFederated({ ...identity, userId: alice.id })
      const otherWays = { passkey: false, issuers: [] }
      await storage.unlinkFederated({ ...(await readNow(storage, alice.id)), ...identity, otherWays })
      const kinds = (await storage.claimEmails(claim)).map(({ kind }) => kind)
      expect(kinds).toEqual(['password_changed', 'identity_linked', 'identity_unlinked'])
    })

    test('a device that is connected queues a notice, once', async () => {
      const { storage } = world
      const { id: userId } = await withAddress(storage, 'alice@home.example')
      const [codeHash, thumbprint] = [freshHash(), freshHash()]
      const code = { codeHash, device: { name: 'laptop', thumbprint }, lifetime: 60, most: 20 }
      await storage.createDeviceCode({ ...(await readNow(storage, userId)), ...code })
      const redemption = { codeHash, thumbprint, name: undefined, ip: undefined, lifetime: day, most: 20 }
      for (const key of [thumbprint, thumbprint, freshHash()])
        await storage.redeemDeviceCode({ ...redemption, thumbprint: key })
      const kinds = (await storage.claimEmails(claim)).map(({ kind }) => kind)
      expect(kinds).toEqual(['device_connected'])
    })

    test('a new address replaces the one that the user had when they entered it, and ends links that were sent there', async () => {
      const { storage } = world
      const { id: userId, credentialRevision } = await withAddress(storage, 'alice@home.example')
      const confirm = (email: string, replaces?: string | null) => {
        const change = replaces === undefined ? undefined : { replaces, credentialRevision }
        return storage.confirmEmail({ userId, email, change, language: 'fr' })
      }
      const link = { userId, tokenHash: freshHash(), purpose: 'reset', lifetime: 600 } as const
      await storage.createLink(link)
      await storage.queueEmail({ kind: 'confirm', username: 'unknown', language: 'en', address: 'b@home.example' })
      expect(await storage.claimEmails(claim)).toEqual([])
      for (const replaces of [undefined, null, 'other@home.example'])
        expect(await confirm('b@home.example', replaces)).toBe(false)
      expect(await storage.findLink(link.tokenHash)).toBeDefined()
      expect(await confirm('b@home.example', 'alice@home.example')).toBe(true)
      expect(await storage.findUser(userId)).toMatchObject({ email: 'b@home.example', emailConfirmedAt: start })
      expect(await storage.findLink(link.tokenHash)).toBeUndefined()
      expect(await storage.claimEmails(claim)).toMatchObject([{ kind: 'email_changed', address: 'alice@home.example' }])
      expect(await storage.listEvents({ event: 'user.edited', newest: true, limit: 1 })).toMatchObject([
        { data: { displayName: false, email: true } },
      ])
    })

    test.each(['a new password', 'the end of a session'])('%s ends a link to a new address', async (what) => {
      const { storage } = world
      const { id: userId, username, credentialRevision } = await withAddress(storage, 'alice@home.example')
      const change = { replaces: 'alice@home.example', credentialRevision }
      const email = { kind: 'confirm', username, language: 'en', address: 'b@home.example' } as const
      await storage.queueEmail({ ...email, about: { change } })
      if (what === 'a new password')
        await storage.setPasswordHash({ userId, passwordHash: '$argon2id$new', by: 'operator:carol' })
      else await storage.endSessions({ userId })
      expect(await storage.claimEmails(claim)).toContainEqual(
        expect.objectContaining({ kind: 'confirm', about: { change } }),
      )
      expect(await storage.confirmEmail({ userId, email: 'b@home.example', change, language: 'en' })).toBe(false)
      expect(await storage.findUser(userId)).toMatchObject({ email: 'alice@home.example' })
    })

    test('emails are not sent again from a restored backup, and settled ones are deleted after a day', async () => {
      const { storage } = world
      const alice = await withAddress(storage, 'alice@home.example')
      await storage.queueEmail(reset(alice))
      await storage.invalidateRestored('operator:carol')
      expect(await storage.claimEmails(claim)).toEqual([])
      await storage.queueEmail(reset(alice))
      const [email] = await storage.claimEmails(claim)
      await storage.settleEmail({ id: email?.id ?? '', attempt: 1, outcome: 'sent' })
      await storage.sweep()
      world.now += 86_400
      // The email, and the attempts that counted toward its limits.
      expect(await storage.sweep()).toBe(3)
    })
  })
}
