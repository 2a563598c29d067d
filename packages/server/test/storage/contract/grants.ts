import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  boundRequest,
  edition,
  eventNames,
  freshHash,
  grantOf,
  manyNames,
  newRequest,
  newUser,
  outcomeOf,
  refreshable,
  rememberedGrant,
  replaceGrant,
  resource,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

export function grantContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: grants`, makeStorage, (world) => {
    test('a remembered decision adds its permissions to the grant, with its own date and display', async () => {
      const { storage } = world
      const { user, grantId, refresh } = await refreshable(storage, { scope: 'a b' }, { remembered: true })
      world.now += 10
      const display = { agent: { name: 'Renamed' }, resource: {} }
      const second = await rememberedGrant(storage, { scope: 'b c', display }, { grantLifetime: 900 }, user)
      expect(second.grantId).toBe(grantId)
      expect(await storage.listGrants()).toMatchObject([
        {
          id: grantId,
          scope: 'a b c',
          createdAt: start + 10,
          display,
          permissions: [
            { name: 'a', expiresAt: null },
            { name: 'b', expiresAt: null },
            { name: 'c', expiresAt: start + 910 },
          ],
          expiresAt: null,
          revokedAt: null,
        },
      ])
      expect(await storage.refreshGrant(refresh)).toMatchObject({ grant: { id: grantId }, issue: { scope: 'a b' } })
      expect(await storage.listEvents({ event: 'grant.revoked' })).toEqual([])
      expect(await storage.findViolations()).toEqual([])
    })

    test('a grant with many expired permissions is replaced by one without them, with its refresh tokens and codes', async () => {
      const { storage } = world
      const { user, grantId: first, refresh } = await refreshable(storage, { scope: 'a b' }, { remembered: true })
      const { redemption } = await allowedRequest(storage, { scope: 'a' }, { remembered: true }, user)
      const { grantId: second } = await replaceGrant(world, user, (now) => (world.now = now))
      const scope = `a b ${manyNames('new', 100)}`
      expect(await storage.listGrants()).toMatchObject([
        { id: second, scope, revokedAt: null },
        { id: first, revokedAt: start + 1, revokedBy: 'replaced' },
      ])
      expect(await storage.refreshGrant(refresh)).toMatchObject({ grant: { id: second }, issue: { scope: 'a b' } })
      expect(await storage.redeemCode(redemption)).toMatchObject({ grant: { id: second }, issue: { scope: 'a' } })
      expect(await storage.listEvents({ event: 'grant.revoked' })).toMatchObject([
        { grantId: first, data: { by: 'replaced', successor: second } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test.each([true, false])(
      'an agent may hold 256 different permissions at a resource; a further decision changes nothing (remembered: %s)',
      async (remembered) => {
        const { storage } = world
        const user = await newUser(storage)
        const tooMany = { code: 'too_many_permissions' }
        for (const part of ['a', 'b', 'c', 'd'])
          await allowedRequest(storage, { scope: manyNames(part, 64) }, { remembered, grantLifetime: 900 }, user)
        await allowedRequest(storage, { scope: 'a.0 b.1 c.2' }, { remembered, grantLifetime: 900 }, user)
        const before = await storage.listGrants({ userId: user.id })
        const { decision } = await boundRequest(storage, { scope: 'a.0 e' }, user)
        for (const other of [remembered, !remembered])
          await expect(storage.decideRequest({ ...decision, remembered: other })).rejects.toMatchObject(tooMany)
        expect(await storage.listGrants({ userId: user.id })).toEqual(before)
        expect(await storage.findAuthRequest(decision.tokenHash)).toMatchObject({ status: 'open' })
        await allowedRequest(storage, { scope: 'e', resource: 'https://other.example' }, { remembered }, user)
        await allowedRequest(storage, { scope: 'e' }, { remembered })
        world.now += 900
        await allowedRequest(storage, { scope: manyNames('e', 64) }, { remembered }, user)
        expect(await storage.findViolations()).toEqual([])
      },
    )

    test.each([
      [129, 128],
      [128, 129],
    ])('an agent that holds %s permissions at a resource gets fewer than %s others', async (held, others) => {
      const { storage } = world
      const user = await newUser(storage)
      await allowedRequest(storage, { scope: manyNames('a', held) }, {}, user)
      const { decision } = await boundRequest(storage, { scope: manyNames('b', others) }, user)
      await expect(storage.decideRequest(decision)).rejects.toMatchObject({ code: 'too_many_permissions' })
      await allowedRequest(storage, { scope: manyNames('b', others - 1) }, {}, user)
      expect(await storage.findViolations()).toEqual([])
    })

    test('the code of an earlier decision works after the next one', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const [first, second] = [
        await allowedRequest(storage, { scope: 'a' }, { remembered: true }, user),
        await allowedRequest(storage, { scope: 'b' }, { remembered: true }, user),
      ]
      expect(await storage.redeemCode(first.redemption)).toMatchObject({ issue: { scope: 'a' } })
      expect(await storage.redeemCode(second.redemption)).toMatchObject({ issue: { scope: 'b' } })
    })

    test('the code of that decision covers only what its request asked for (I5)', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage, { scope: 'a b' })
      const { redemption } = await allowedRequest(storage, { scope: 'b c' }, { remembered: true }, user)
      expect(await storage.redeemCode(redemption)).toMatchObject({ grant: { scope: 'a b c' }, issue: { scope: 'b c' } })
    })

    test('permissions allowed for a short time do not outlive it under a longer grant', async () => {
      const { storage } = world
      const short = { remembered: true, grantLifetime: 30 * day }
      const { user, refresh } = await refreshable(storage, { scope: 'write' }, short)
      const { grantId, redemption } = await rememberedGrant(storage, { scope: 'read' }, { grantLifetime: null }, user)
      const write = { name: 'write', expiresAt: start + 30 * day }
      const both = { expiresAt: null, permissions: [write, { name: 'read', expiresAt: null }] }
      expect(await storage.findGrant(grantId)).toMatchObject({ scope: 'write read', ...both })
      expect(await storage.redeemCode(redemption)).toMatchObject({ issue: { scope: 'read' } })
      world.now = start + 30 * day - 1
      expect(await storage.refreshGrant(refresh)).toMatchObject({
        grant: { id: grantId },
        issue: { scope: 'write', expiresAt: start + 30 * day },
      })
      world.now = start + 30 * day
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('grant_ended')
      expect(await storage.findGrant(grantId)).toMatchObject({ scope: 'read', ...both })
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      expect(await storage.findRememberedGrant(parties)).toMatchObject({ scope: 'read' })
      await storage.revokeGrant({ grantId, by: user.id })
      expect(await storage.findGrant(grantId)).toMatchObject({ scope: 'write read' })
    })

    test('revoking a grant again does not revoke the one that the user has allowed since', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      const revoke = () => storage.revokeGrant({ grantId, by: user.id })
      expect(await revoke()).toBe(true)
      const { grantId: since } = await rememberedGrant(storage, {}, {}, user)
      expect(await revoke()).toBe(false)
      expect(await storage.findGrant(since)).toMatchObject({ revokedAt: null })
    })

    test('a permission that is allowed again keeps its expiry, or gets the new one if that is later (W27)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const allow = (scope: string, grantLifetime: number | null) =>
        refreshable(storage, { scope }, { remembered: true, grantLifetime }, user)
      await allow('a b', 30 * day)
      world.now += day
      const shorter = await allow('a c', 2 * day)
      const ends = async (grantId: string) =>
        (await storage.findGrant(grantId))?.permissions.map((each) => each.expiresAt)
      expect(await ends(shorter.grantId)).toEqual([start + 30 * day, start + 30 * day, start + 3 * day])
      const longer = await allow('b c', 60 * day)
      expect(await ends(longer.grantId)).toEqual([start + 30 * day, start + 61 * day, start + 61 * day])
      expect(await storage.findGrant(longer.grantId)).toMatchObject({ scope: 'a b c', expiresAt: start + 61 * day })
    })

    test('a token covers the unexpired permissions of its refresh token, and expires with the first of them (W27)', async () => {
      const { storage } = world
      const remembered = { remembered: true }
      const { user } = await rememberedGrant(storage, { scope: 'a' }, { ...remembered, grantLifetime: 1000 })
      const { refresh } = await refreshable(storage, { scope: 'a b' }, { ...remembered, grantLifetime: 900 }, user)
      const issued = async (scope?: string) => {
        const result = await storage.refreshGrant({ ...refresh, scope })
        return result.outcome === 'refreshed' ? [result.issue.scope, result.issue.expiresAt] : result.reason
      }
      world.now = start + 500
      expect(await issued()).toEqual(['a b', start + 900])
      expect(await issued('a')).toEqual(['a', start + 1000])
      world.now = start + 900
      expect(await issued()).toEqual(['a', start + 1000])
      expect(await issued('a b')).toBe('scope_exceeded')
      world.now = start + 1000
      expect(await issued()).toBe('grant_ended')
    })

    test('an expired remembered grant passes nothing to the next one', async () => {
      const { storage } = world
      const remembered = { remembered: true, grantLifetime: 900 }
      const { user, refresh } = await refreshable(storage, { scope: 'a' }, remembered)
      world.now = start + 900
      const { grantId } = await rememberedGrant(storage, { scope: 'b' }, {}, user)
      expect(await storage.findGrant(grantId)).toMatchObject({ scope: 'b' })
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('grant_ended')
    })

    test('each edition has its own remembered grant', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      const other = await rememberedGrant(storage, { edition: 'other' }, {}, user)
      const parties = { userId: user.id, agent, delegate: null, resource }
      expect(await storage.findRememberedGrant({ edition, ...parties })).toMatchObject({ id: grantId, edition })
      expect(await storage.findRememberedGrant({ edition: 'other', ...parties })).toMatchObject({
        id: other.grantId,
        edition: 'other',
        revokedAt: null,
      })
    })

    test('a grant for one call has no refresh token, is not remembered, and keeps the call', async () => {
      const { storage } = world
      const call = { method: 'DELETE', target: `${resource}/files/7`, digest: 'sha-256=:AA==:' }
      const { user, redemption } = await allowedRequest(storage, { scope: 'a b' }, { call, grantLifetime: 600 })
      const refresh = { tokenHash: freshHash(), idleSeconds: 1000, lifetime: 1000 }
      const redeemed = await storage.redeemCode({ ...redemption, tokenLifetime: 60, refresh })
      expect(redeemed).toMatchObject({ refreshIssued: false, grant: { call }, issue: { scope: 'a b' } })
      expect(await storage.listGrants({ userId: user.id })).toMatchObject([{ call, remembered: false }])
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      const issue = { ...parties, scope: 'a', jkt: freshHash(), tokenLifetime: 60 }
      expect(outcomeOf(await storage.issueRemembered(issue))).toBe('not_covered')
      const [allowed] = await storage.listEvents({ event: 'request.allowed' })
      expect(allowed?.data).toEqual({ scope: 'a b', revision: 0, call: `DELETE ${resource}/files/7` })
      const { decision } = await boundRequest(storage, { scope: 'a b' }, user)
      await storage.decideRequest({ ...decision, decision: 'deny', call })
      const [denied] = await storage.listEvents({ event: 'request.denied' })
      expect(denied?.data).toEqual({ scope: 'a b', revision: 0 })
      expect(await storage.findViolations()).toEqual([])
    })

    test('a one-time grant does not affect the remembered one', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      await allowedRequest(storage, {}, {}, user)
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      expect(await storage.findRememberedGrant(parties)).toMatchObject({ id: grantId })
      for (const changes of [
        { edition: 'other' },
        { userId: 'other' },
        { agent: 'other' },
        { delegate: 'other' },
        { resource: 'other' },
      ]) {
        expect(await storage.findRememberedGrant({ ...parties, ...changes })).toBeUndefined()
      }
    })

    test('20 parallel remembered decisions of one user leave one active grant with everything they allowed', async () => {
      const { storage } = world
      const user = await newUser(storage)
      await Promise.all(
        times(20, (index) => allowedRequest(storage, { scope: `s${index}` }, { remembered: true }, user)),
      )
      const live = await storage.listGrants({ live: true })
      expect(live).toHaveLength(1)
      expect(live[0]?.scope.split(' ').sort()).toEqual(times(20, (index) => `s${index}`).sort())
    })

    test('grants are listed newest first, by page, party, status and part of a name', async () => {
      const { storage } = world
      const user = await newUser(storage, 'Alice')
      const other = await newUser(storage, 'bob')
      const grants: string[] = []
      for (const changes of [{}, { resource: 'https://mail.example' }, { agent: 'https://other.example' }]) {
        grants.push(await grantOf(storage, await allowedRequest(storage, changes, { grantLifetime: 900 }, user)))
      }
      grants.push(await grantOf(storage, await allowedRequest(storage, {}, {}, other)))
      await storage.revokeGrant({ grantId: grants[0] ?? '', by: user.id })
      const listed = async (filter?: object) => {
        const found = await storage.listGrants(filter)
        return found.map(({ id }) => grants.indexOf(id))
      }
      expect(await listed()).toEqual([3, 2, 1, 0])
      expect(await listed({ limit: 2 })).toEqual([3, 2])
      expect(await listed({ limit: 2, after: grants[2] })).toEqual([1, 0])
      expect(await listed({ userId: user.id })).toEqual([2, 1, 0])
      expect(await listed({ agent })).toEqual([3, 1, 0])
      expect(await listed({ resource, userId: user.id })).toEqual([2, 0])
      expect(await listed({ live: true })).toEqual([3, 2, 1])
      expect(await listed({ live: false })).toEqual([0])
      expect(await listed({ query: 'MAIL' })).toEqual([1])
      expect(await listed({ query: 'alice', live: true })).toEqual([2, 1])
      expect(await listed({ query: '%' })).toEqual([])
      expect(await storage.findGrant(grants[0] ?? '')).toMatchObject({ username: 'Alice', revokedBy: user.id })
      expect(await storage.findGrant('unknown')).toBeUndefined()
      world.now = start + 900
      expect(await listed({ live: true })).toEqual([3])
      expect(await listed({ live: false })).toEqual([2, 1, 0])
    })

    test('all active grants of a user, of an agent or at a resource are revoked at once, each with its audit row', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const own = [
        await refreshable(storage, {}, {}, user),
        await refreshable(storage, { delegate: 'laptop' }, {}, user),
      ]
      const foreign = await refreshable(storage)
      const expired = await refreshable(storage, {}, { grantLifetime: 700 }, user)
      world.now = start + 700
      expect(await storage.revokeGrants({ userId: user.id, by: user.id })).toBe(2)
      expect(await storage.revokeGrants({ userId: user.id, by: user.id })).toBe(0)
      for (const { refresh } of [...own, expired]) {
        expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('grant_ended')
      }
      expect(outcomeOf(await storage.refreshGrant(foreign.refresh))).toBe('refreshed')
      expect(await storage.listEvents({ event: 'grant.revoked' })).toMatchObject([
        { userId: user.id, data: { by: user.id } },
        { userId: user.id, data: { by: user.id } },
      ])
      expect(await storage.revokeGrants({ agent, resource: 'https://mail.example', by: 'operator' })).toBe(0)
      expect(await storage.revokeGrants({ resource, by: 'operator' })).toBe(1)
    })

    test('omitting all filters does not revoke everyone’s grants', async () => {
      await allowedRequest(world.storage)
      await expect(world.storage.revokeGrants({ by: 'operator' })).rejects.toThrow(TypeError)
      await expect(world.storage.revokeGrants({ userId: undefined, by: 'operator' })).rejects.toThrow(TypeError)
      expect(await world.storage.listGrants({ live: true })).toHaveLength(1)
    })

    test('whether an agent has ever been allowed anything is tracked per agent, no matter who allowed it and what happened since', async () => {
      const { storage } = world
      await storage.createAuthRequest(newRequest())
      expect(await storage.findStanding(agent)).toMatchObject({ isBlocked: false, hasBeenAllowed: false })
      const allowed = await allowedRequest(storage)
      await storage.revokeGrant({ grantId: await grantOf(storage, allowed), by: 'test' })
      expect(await storage.findStanding(agent)).toMatchObject({ isBlocked: false, hasBeenAllowed: true })
      expect(await storage.findStanding('https://other.example')).toMatchObject({ hasBeenAllowed: false })
    })
  })

  inStorage(`${name}: tokens by policy`, makeStorage, (world) => {
    const issue = { agent, delegate: 'job', resource, scope: 'read', policy: 'nightly', tokenLifetime: 600 }

    test('a token by policy names the policy, and leaves its row', async () => {
      const { storage } = world
      const first = await storage.recordAutonomousIssue(issue)
      const second = await storage.recordAutonomousIssue(issue)
      expect(first).toMatchObject({ scope: 'read', issuedAt: start, expiresAt: start + 600 })
      expect(first.jti).toMatch(/^nightly\.[\w-]{22}$/)
      expect(first.jti).not.toBe(second.jti)
      expect(await storage.listEvents({ event: 'token.issued_by_policy' })).toMatchObject([
        { agent, resource, data: { policy: 'nightly', delegate: 'job', scope: 'read', jti: first.jti } },
        { data: { jti: second.jti } },
      ])
      world.now = start + 600 + 30 * day
      expect(await storage.sweep()).toBe(2)
    })

    test('a blocked agent gets no token (A19)', async () => {
      await world.storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      await expect(world.storage.recordAutonomousIssue(issue)).rejects.toMatchObject({ code: 'agent_blocked' })
      expect(await eventNames(world.storage)).toEqual(['agent.blocked'])
    })
  })

  inStorage(`${name}: history`, makeStorage, (world) => {
    test('a grant is stored for 400 days after it ends, with its uses, and an active one indefinitely', async () => {
      const { storage } = world
      const removed = await refreshable(storage)
      const expired = await refreshable(storage, {}, { grantLifetime: 2 * day })
      const live = await refreshable(storage)
      await storage.refreshGrant(removed.refresh)
      await storage.refreshGrant(live.refresh)
      world.now = start + day
      await storage.revokeGrant({ grantId: removed.grantId, by: 'test' })
      world.now = start + 2 * day
      await storage.refreshGrant(live.refresh)
      const kept = async () => (await storage.listGrants()).map(({ id }) => id)
      world.now = start + 401 * day - 1
      await storage.sweep()
      expect(await kept()).toEqual([live.grantId, expired.grantId, removed.grantId])
      const days = (await storage.listGrantUsage({ userId: live.user.id })).map(({ day: of }) => of)
      expect(days).toEqual([start + 2 * day - (start % day)])
      world.now = start + 401 * day
      await storage.sweep()
      expect(await kept()).toEqual([live.grantId, expired.grantId])
      world.now = start + 402 * day
      await storage.sweep()
      expect(await kept()).toEqual([live.grantId])
      world.now = start + 1500 * day
      await storage.sweep()
      expect(await kept()).toEqual([live.grantId])
      expect(await storage.listGrantUsage({ userId: live.user.id })).toEqual([])
    })

    test('a refresh token is deleted a day after it expires', async () => {
      const { storage } = world
      const idle = await refreshable(storage, {}, {}, undefined, {
        idleSeconds: 1000,
        lifetime: 500_000,
        tokenHash: freshHash(),
      })
      const revoked = await refreshable(storage)
      const reason = async ({ refresh }: typeof idle) => outcomeOf(await storage.refreshGrant(refresh))
      await storage.revokeRefreshToken({ ...revoked.refresh })
      const ofRemoved = await refreshable(storage)
      await storage.revokeGrant({ grantId: ofRemoved.grantId, by: 'test' })
      world.now = start + day - 1
      await storage.sweep()
      expect(await reason(revoked)).toBe('revoked')
      expect(await reason(ofRemoved)).toBe('grant_ended')
      world.now = start + day
      await storage.sweep()
      expect(await reason(revoked)).toBe('unknown')
      expect(await reason(ofRemoved)).toBe('unknown')
      world.now = start + day + 999
      await storage.sweep()
      expect(await reason(idle)).toBe('idle')
      world.now = start + day + 1000
      await storage.sweep()
      expect(await reason(idle)).toBe('unknown')
    })
  })
}
