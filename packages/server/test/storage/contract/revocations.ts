import type { User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  newUser,
  readNow,
  refreshable,
  rememberedGrant,
  replaceGrant,
  subOf,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function revocationContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: revocations`, makeStorage, (world) => {
    const listed = (since = start, { perUser = 20, limit = 100 } = {}) =>
      world.storage.listRevocations({ since, perUser, limit })
    const nothing = {
      revoked: [],
      families: [],
      clientsRevokedBefore: [],
      revokedBefore: [],
      before: undefined,
      isWhole: true,
    }
    const grant = (value: string) => ({ kind: 'grant', value })

    /** A user’s grant for a separate agent, with a token, that was revoked. */
    async function removed(user?: User, of = `https://agent-${Math.random()}.example`): Promise<string> {
      const { grantId } = await refreshable(world.storage, { agent: of }, {}, user)
      await world.storage.revokeGrant({ grantId, by: 'test' })
      return grantId
    }

    async function removedMany(
      count: number,
      user?: User,
    ): Promise<{ user: User; grants: ReturnType<typeof grant>[] }> {
      const person = user ?? (await newUser(world.storage))
      const grants: string[] = []
      for (let made = 0; made < count; made++) grants.push(await removed(person))
      return { user: person, grants: grants.map(grant) }
    }

    test('the grants of editions that are left out are not listed, and take no place from others', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const kept = await removed(user)
      for (let made = 0; made < 3; made++) {
        const { grantId } = await refreshable(
          storage,
          { agent: `https://sent-${made}.example`, edition: 'sent' },
          {},
          user,
        )
        await storage.revokeGrant({ grantId, by: 'test' })
      }
      const filter = { since: start, perUser: 2, limit: 100 }
      expect(await storage.listRevocations(filter)).toMatchObject({ revoked: [], revokedBefore: [{ at: start }] })
      expect(await storage.listRevocations({ ...filter, without: ['sent'] })).toEqual({
        ...nothing,
        revoked: [grant(kept)],
      })
    })

    test('a revoked grant is listed with the time of its revocation', async () => {
      const { storage } = world
      const [first, second] = [await refreshable(storage), await refreshable(storage)]
      await refreshable(storage)
      expect(await listed()).toEqual(nothing)
      await storage.revokeGrant({ grantId: first.grantId, by: first.user.id })
      world.now = start + 10
      await storage.revokeGrants({ userId: second.user.id, by: second.user.id })
      const { revoked } = await listed()
      expect(new Set(revoked)).toEqual(new Set([grant(first.grantId), grant(second.grantId)]))
      expect(await listed(start + 1)).toEqual({ ...nothing, revoked: [grant(second.grantId)] })
      expect(await listed(start + 10)).toEqual({ ...nothing, revoked: [grant(second.grantId)] })
      expect(await listed(start + 11)).toEqual(nothing)
    })

    test('a blocked host is listed with its agents that may hold a valid token', async () => {
      const { storage } = world
      const host = 'https://client.example'
      await refreshable(storage, { agent: `${host}/old.json` })
      world.now = start + 1000
      const others = [`${host}:9443`, `${host}1/c.json`, `${host}.evil/c.json`, 'https://other.example/d.json']
      const there = [`${host}/`, `${host}/a.json`, `${host}/b.json`, `${host}:8443/e.json`]
      for (const of of [...there, ...others]) await refreshable(storage, { agent: of })
      await allowedRequest(storage, { agent: `${host}/unused.json` })
      await storage.setAgentBlocked({ agent: `${host}/b.json`, blocked: true, by: 'operator' })
      for (const each of [host, `${host}:8443`])
        await storage.setAgentBlocked({ agent: each, blocked: true, by: 'operator' })
      const agents = async (since: number) => (await listed(since)).revoked.map(({ kind, value }) => `${kind} ${value}`)
      expect((await agents(start + 1000)).sort()).toEqual(
        [host, `${host}:8443`, ...there].map((each) => `agent ${each}`).sort(),
      )
      expect(await agents(start + 1001)).toEqual([])
      world.now = start + 1001
      for (const each of [host, `${host}:8443`])
        await storage.setAgentBlocked({ agent: each, blocked: false, by: 'operator' })
      expect(await agents(start + 1000)).toEqual([`agent ${host}/b.json`])
    })

    test('a grant is listed only if a token of it may be valid', async () => {
      const { storage } = world
      const never = await rememberedGrant(storage)
      const used = await refreshable(storage)
      await storage.refreshGrant(used.refresh)
      world.now = start + 59
      // Not written again: only the use a minute earlier is recorded.
      await storage.refreshGrant(used.refresh)
      world.now = start + 1000
      for (const { grantId } of [never, used]) await storage.revokeGrant({ grantId, by: 'test' })
      expect(await listed(start + 59)).toEqual({ ...nothing, revoked: [grant(used.grantId)] })
      expect(await listed(start + 60)).toEqual({ ...nothing, revoked: [grant(used.grantId)] })
      expect(await listed(start + 61)).toEqual(nothing)
    })

    test('a grant that replaced another is listed once it issued a token, even within a minute of the last use', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { refresh } = await refreshable(storage, {}, { remembered: true }, user)
      await storage.refreshGrant(refresh)
      // Allowed again, and the code is never redeemed.
      await allowedRequest(storage, {}, { remembered: true }, user)
      const refreshed = await storage.refreshGrant(refresh)
      if (refreshed.outcome !== 'refreshed') throw new Error('the token should continue under the new grant')
      await storage.revokeGrant({ grantId: refreshed.grant.id, by: user.id })
      expect((await listed()).revoked).toContainEqual(grant(refreshed.grant.id))
    })

    test('a replaced grant is listed together with its replacement, when that is revoked', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const before = await refreshable(storage, {}, { remembered: true }, user)
      world.now = start + 9
      await replaceGrant(world, user, (now) => (world.now = now))
      const after = await refreshable(storage, {}, { remembered: true }, user)
      const stranger = await refreshable(storage)
      expect((await storage.findGrant(before.grantId))?.revokedBy).toBe('replaced')
      await storage.revokeGrant({ grantId: stranger.grantId, by: 'operator' })
      expect((await listed()).revoked).toEqual([grant(stranger.grantId)])
      world.now = start + 20
      await storage.revokeGrant({ grantId: after.grantId, by: user.id })
      const { revoked } = await listed()
      expect(new Set(revoked)).toEqual(new Set([before, after, stranger].map(({ grantId }) => grant(grantId))))
    })

    test('a grant that was replaced by one without tokens is listed when its replacement is revoked', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const before = await refreshable(storage, {}, { remembered: true }, user)
      const after = await replaceGrant(world, user, (now) => (world.now = now))
      expect(after.grantId).not.toBe(before.grantId)
      expect(await listed()).toEqual(nothing)
      await storage.revokeGrant({ grantId: after.grantId, by: user.id })
      expect(await listed()).toEqual({ ...nothing, revoked: [grant(before.grantId)] })
    })

    test('an agent is listed while it is blocked', async () => {
      const { storage } = world
      const entry = { kind: 'agent', value: agent }
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await listed()).toEqual({ ...nothing, revoked: [entry] })
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await listed()).toEqual(nothing)
      world.now = start + 5
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await listed(start + 5)).toEqual({ ...nothing, revoked: [entry] })
      expect(await listed(start + 6)).toEqual(nothing)
    })

    test('a user is listed by subject while disabled, and their grants when the account is closed', async () => {
      const { storage } = world
      const { user, grantId } = await refreshable(storage)
      await storage.setUserStatus(user.id, 'disabled')
      expect(await listed()).toEqual({ ...nothing, revoked: [{ kind: 'sub', value: await subOf(storage, user) }] })
      await storage.setUserStatus(user.id, 'active')
      expect(await listed()).toEqual(nothing)
      await storage.closeAccount(await readNow(storage, user.id))
      expect(await listed()).toEqual({ ...nothing, revoked: [grant(grantId)] })
    })

    test('a user has a limited number of entries over all agents; beyond that, the last time stands for all', async () => {
      const { user, grants } = await removedMany(3)
      const other = await removedMany(1)
      expect(new Set((await listed(start, { perUser: 3 })).revoked)).toEqual(new Set([...grants, ...other.grants]))
      world.now = start + 7
      await removed(user)
      const sub = await subOf(world.storage, user)
      await refreshable(world.storage, {}, {}, user)
      expect(await listed(start, { perUser: 3 })).toEqual({
        ...nothing,
        revoked: other.grants,
        revokedBefore: [{ sub, at: start + 7 }],
      })
      expect((await listed(start + 1, { perUser: 3 })).revokedBefore).toEqual([])
      await world.storage.closeAccount(asRead(user))
      expect((await listed(start, { perUser: 3 })).revokedBefore).toEqual([{ sub, at: start + 7 }])
    })

    test('grants that replaced each other count toward the user’s limit, but are not listed as revoked', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const grants: string[] = []
      for (let made = 0; made < 4; made++) {
        if (made > 0) await replaceGrant(world, user, (now) => (world.now = now))
        world.now += 1
        grants.push((await refreshable(storage, {}, { remembered: true }, user)).grantId)
      }
      expect(await listed(start, { perUser: 2 })).toEqual(nothing)
      await storage.revokeGrant({ grantId: grants.at(-1) ?? '', by: user.id })
      expect(await listed(start, { perUser: 3 })).toEqual({
        ...nothing,
        revokedBefore: [{ sub: await subOf(storage, user), at: world.now }],
      })
      expect((await listed(start)).revoked).toEqual(expect.arrayContaining(grants.map(grant)))
    })

    test('a disabled user is listed once for each resource that may still accept a token, by its subject', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const at = (of: string) => `https://${of}.example`
      await refreshable(storage, { resource: at('old') }, {}, user)
      world.now = start + 1000
      for (const of of ['one', 'two', 'one']) {
        await refreshable(storage, { resource: at(of), agent: `https://${world.now}.example` }, {}, user)
        world.now += 1
      }
      await rememberedGrant(storage, { resource: at('unused') }, {}, user)
      await storage.setUserStatus(user.id, 'disabled')
      const subjects = [await subOf(storage, user, at('one')), await subOf(storage, user, at('two'))]
      const { revoked, isWhole } = await listed(start + 1000, { perUser: 2, limit: 2 })
      expect(new Set(revoked)).toEqual(new Set(subjects.map((value) => ({ kind: 'sub', value }))))
      expect(isWhole).toBe(true)
      const one = await listed(start + 1000, { perUser: 1, limit: 1 })
      expect(one).toMatchObject({ before: undefined, isWhole: false })
      // The one under which a token was issued last.
      expect(one.revoked).toEqual([{ kind: 'sub', value: subjects[0] }])
    })

    test('a user with too many revocations has one time for each subject, which does not affect other resources', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const resources = ['https://one.example', 'https://two.example']
      for (const of of [...resources, ...resources, `${resources[0]}/more`, 'https://three.example']) {
        world.now += 1
        const { grantId } = await refreshable(
          storage,
          { resource: of, agent: `https://${world.now}.example` },
          {},
          user,
        )
        if (of !== 'https://three.example') await storage.revokeGrant({ grantId, by: user.id })
      }
      const { revoked, revokedBefore, isWhole } = await listed(start, { perUser: 3 })
      expect({ revoked, isWhole }).toEqual({ revoked: [], isWhole: true })
      expect(new Set(revokedBefore)).toEqual(
        new Set([
          { sub: await subOf(storage, user, resources[0]), at: start + 5 },
          { sub: await subOf(storage, user, resources[1]), at: start + 4 },
        ]),
      )
    })

    test('a user with many subjects gets more entries than others only as long as some are left', async () => {
      const { storage } = world
      const many = await newUser(storage)
      for (let made = 0; made < 5; made++) {
        const { grantId } = await refreshable(storage, { resource: `https://${made}.example` }, {}, many)
        await storage.revokeGrant({ grantId, by: many.id })
      }
      const few = [await removedMany(1), await removedMany(1)]
      const all = await listed(start, { perUser: 2, limit: 7 })
      expect(new Set(all.revoked)).toEqual(new Set(few.flatMap(({ grants }) => grants)))
      expect(all.revokedBefore).toHaveLength(5)
      expect(all.isWhole).toBe(true)
      const less = await listed(start, { perUser: 2, limit: 5 })
      expect(new Set(less.revoked)).toEqual(new Set(few.flatMap(({ grants }) => grants)))
      expect(less.revokedBefore).toHaveLength(3)
      expect(less.isWhole).toBe(false)
    })

    test('if there are few entries, every user has one, and users with the fewest revocations have one for each', async () => {
      const many = await removedMany(4)
      world.now += 1
      const few = await removedMany(2)
      world.now += 1
      const one = await removedMany(1)
      expect(await listed(start, { limit: 7 })).toMatchObject({ revokedBefore: [], isWhole: true })
      const six = await listed(start, { limit: 6 })
      expect(new Set(six.revoked)).toEqual(new Set([...few.grants, ...one.grants]))
      expect(six.revokedBefore).toEqual([{ sub: await subOf(world.storage, many.user), at: start }])
      const three = await listed(start, { limit: 3 })
      expect(three).toMatchObject({ revoked: one.grants, isWhole: true })
      expect(new Set(three.revokedBefore.map(({ sub }) => sub))).toEqual(
        new Set([await subOf(world.storage, few.user), await subOf(world.storage, many.user)]),
      )
    })

    test('if there are more users than entries, the newest accounts are left out', async () => {
      const old = await removedMany(1)
      world.now += 1
      const young = await newUser(world.storage)
      world.now += 1
      const youngest = await removedMany(1)
      world.now += 1
      const { grants } = await removedMany(1, young)
      expect((await listed(start, { limit: 3 })).isWhole).toBe(true)
      const two = await listed(start, { limit: 2 })
      expect(new Set(two.revoked)).toEqual(new Set([...old.grants, ...grants]))
      expect(two.isWhole).toBe(false)
      expect((await listed(start, { limit: 2 })).revoked).not.toContainEqual(youngest.grants[0])
    })

    test('blocked agents and disabled users come first; too many are replaced by a single time', async () => {
      const { storage } = world
      const { grants } = await removedMany(1)
      for (const blocked of ['https://a.example', 'https://b.example'])
        await storage.setAgentBlocked({ agent: blocked, blocked: true, by: 'operator' })
      world.now += 3
      const { user } = await refreshable(storage)
      await storage.setUserStatus(user.id, 'disabled')
      expect(await listed(start, { limit: 4 })).toMatchObject({ isWhole: true, before: undefined })
      const three = await listed(start, { limit: 3 })
      expect(three.revoked.map(({ kind }) => kind)).toEqual(['agent', 'agent', 'sub'])
      expect(three).toMatchObject({ isWhole: false, before: undefined })
      expect(await listed(start, { limit: 2 })).toEqual({ ...nothing, revoked: grants, before: start + 3 })
    })
  })
}
