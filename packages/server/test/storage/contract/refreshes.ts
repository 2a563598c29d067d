import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  eventNames,
  freshHash,
  hashOf,
  newUser,
  nonceClaim,
  outcomeOf,
  refreshable,
  resource,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

export function refreshContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: refresh tokens`, makeStorage, (world) => {
    const newToken = () => ({ tokenHash: freshHash(), idleSeconds: 90 * day, lifetime: 365 * day })

    const lives: [string, number | null, boolean][] = [
      ['until it is revoked', null, true],
      ['longer than the auth token', 601, true],
      ['as long as the auth token', 600, false],
      ['shorter than the auth token', 100, false],
    ]
    test.each(lives)(
      'with a grant that lasts %s, a refresh token is stored: %s, %s (W14)',
      async (_, grantLifetime, issued) => {
        const { storage } = world
        const { redemption } = await allowedRequest(storage, {}, { grantLifetime })
        const refresh = newToken()
        expect(await storage.redeemCode({ ...redemption, refresh })).toMatchObject({ refreshIssued: issued })
        const tried = { tokenHash: refresh.tokenHash, agent, delegate: null, jkt: hashOf('jkt'), tokenLifetime: 600 }
        expect(outcomeOf(await storage.refreshGrant(tried))).toBe(issued ? 'refreshed' : 'unknown')
      },
    )

    test('a code redeemed without one stores none', async () => {
      const { redemption } = await allowedRequest(world.storage)
      expect(await world.storage.redeemCode(redemption)).toMatchObject({ refreshIssued: false })
    })

    test('a refused redemption stores none', async () => {
      const { storage } = world
      const { redemption } = await allowedRequest(storage)
      const refresh = newToken()
      await storage.redeemCode({ ...redemption, refresh, redirectUri: 'https://other.example' })
      const tried = { tokenHash: refresh.tokenHash, agent, delegate: null, jkt: hashOf('jkt'), tokenLifetime: 600 }
      expect(outcomeOf(await storage.refreshGrant(tried))).toBe('unknown')
    })

    test('a refresh returns the grant, the user and an issue under the grant, keeps the token and writes no audit row', async () => {
      const { storage } = world
      const { refresh, grantId, user } = await refreshable(storage, { delegate: 'laptop' })
      const before = await eventNames(storage)
      world.now += 700
      const result = await storage.refreshGrant({ ...refresh, jkt: hashOf('a-new-key') })
      if (result.outcome !== 'refreshed') throw new Error(result.reason)
      expect(result.user).toEqual(user)
      expect(result.grant).toMatchObject({ id: grantId, agent, delegate: 'laptop', resource })
      expect(result.issue).toMatchObject({
        scope: 'calendar.read calendar.write',
        issuedAt: start + 700,
        expiresAt: start + 1300,
      })
      expect(result.issue.jti.startsWith(`${grantId}.`)).toBe(true)
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      expect(await eventNames(storage)).toEqual(before)
    })

    test('a token never outlives notAfter, and none is issued after it', async () => {
      const { storage } = world
      const { refresh } = await refreshable(storage)
      const until = (notAfter: number) => storage.refreshGrant({ ...refresh, notAfter })
      expect(await until(start + 20)).toMatchObject({ issue: { expiresAt: start + 20 } })
      expect(outcomeOf(await until(start))).toBe('expired')
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
    })

    test('50 parallel refreshes all succeed and are all counted (X16)', async () => {
      const { storage } = world
      const { refresh, grantId, user } = await refreshable(storage)
      const results = await Promise.all(times(50, () => storage.refreshGrant(refresh)))
      expect(results.map(outcomeOf)).toEqual(times(50, () => 'refreshed'))
      const jtis = results.map((result) => result.outcome === 'refreshed' && result.issue.jti)
      expect(new Set(jtis).size).toBe(50)
      const today = start - (start % day)
      expect(await storage.listGrantUsage({ userId: user.id })).toEqual([{ grantId, day: today, refreshes: 50 }])
    })

    test('concurrent refreshes each return what they would return alone, whatever the others are', async () => {
      const { storage } = world
      const [first, second, removed, foreign] = await Promise.all(times(4, () => refreshable(storage)))
      if (!first || !second || !removed || !foreign) throw new TypeError('expected four grants')
      await storage.revokeGrant({ grantId: removed.grantId, by: 'operator' })
      const held = nonceClaim({ agent })
      await storage.claimNonce(held)
      const wanted = [
        first.refresh,
        { ...second.refresh, scope: 'calendar.read' },
        removed.refresh,
        { ...foreign.refresh, agent: 'https://other.example' },
        { ...first.refresh, tokenHash: freshHash() },
        { ...first.refresh, nonce: held },
        { ...second.refresh, scope: 'calendar.admin' },
        first.refresh,
      ]
      const results = await Promise.allSettled(
        wanted.map((refresh) => storage.refreshGrant({ nonce: nonceClaim({ agent }), ...refresh })),
      )
      const outcomes = results.map((result) =>
        result.status === 'fulfilled' ? outcomeOf(result.value) : result.reason.code,
      )
      expect(outcomes).toEqual([
        'refreshed',
        'refreshed',
        'grant_ended',
        'foreign_agent',
        'unknown',
        'nonce_used',
        'scope_exceeded',
        'refreshed',
      ])
      expect(results[1]).toMatchObject({ value: { grant: { id: second.grantId }, issue: { scope: 'calendar.read' } } })
      expect(results[7]).toMatchObject({ value: { grant: { id: first.grantId } } })
      expect((await storage.findGrant(first.grantId))?.lastUsedAt).toBe(start)
      expect((await eventNames(storage)).filter((event) => event.startsWith('refresh.'))).toEqual([
        'refresh.foreign_agent',
      ])
    })

    test('all refreshes of a batch are evaluated after a revocation that came first', async () => {
      const { storage } = world
      const grants = await Promise.all(times(20, () => refreshable(storage)))
      const [, ...results] = await Promise.all([
        storage.revokeGrants({ agent, by: 'operator' }),
        ...grants.map(({ refresh }) => storage.refreshGrant({ ...refresh, nonce: nonceClaim({ agent }) })),
      ])
      const again = await Promise.all(
        grants.map(({ refresh }) => storage.refreshGrant({ ...refresh, nonce: nonceClaim({ agent }) })),
      )
      expect(results).toHaveLength(20)
      expect(again.map(outcomeOf)).toEqual(times(20, () => 'grant_ended'))
    })

    test('refreshes are counted per grant and day, and the last use is written at most once a minute', async () => {
      const { storage } = world
      const { refresh, grantId, user } = await refreshable(storage)
      const lastUsedAt = async () => (await storage.findGrant(grantId))?.lastUsedAt
      world.now = start + 10
      await storage.refreshGrant(refresh)
      expect(await lastUsedAt()).toBe(start + 10)
      world.now = start + 69
      await storage.refreshGrant(refresh)
      expect(await lastUsedAt()).toBe(start + 10)
      world.now = start + 70
      await storage.refreshGrant(refresh)
      expect(await lastUsedAt()).toBe(start + 70)
      world.now = start + day
      await storage.refreshGrant(refresh)
      const today = start - (start % day)
      const usage = [
        { grantId, day: today + day, refreshes: 1 },
        { grantId, day: today, refreshes: 3 },
      ]
      expect(await storage.listGrantUsage({ userId: user.id })).toEqual(usage)
      expect(await storage.listGrantUsage({ userId: user.id, grantId, limit: 1 })).toEqual(usage.slice(0, 1))
      expect(await storage.listGrantUsage({ userId: user.id, grantId: 'other' })).toEqual([])
      expect(await storage.listGrantUsage({ userId: (await newUser(storage)).id })).toEqual([])
    })

    test('a refreshed token never outlives its grant', async () => {
      const { refresh } = await refreshable(world.storage, {}, { grantLifetime: 1000 })
      world.now = start + 900
      expect(await world.storage.refreshGrant(refresh)).toMatchObject({ issue: { expiresAt: start + 1000 } })
      world.now = start + 1000
      expect(outcomeOf(await world.storage.refreshGrant(refresh))).toBe('grant_ended')
    })

    const foreign: [string, string, object][] = [
      ['another agent (X10)', 'foreign_agent', { agent: 'https://thief.example' }],
      ['another delegate (X11)', 'foreign_delegate', { delegate: 'tablet' }],
      ['the agent server itself (X11)', 'foreign_delegate', { delegate: null }],
    ]
    test.each(foreign)(
      'a refresh token used by %s is refused and audited, and stays valid',
      async (_, reason, changes) => {
        const { storage } = world
        const { refresh, user } = await refreshable(storage, { delegate: 'laptop' })
        expect(outcomeOf(await storage.refreshGrant({ ...refresh, ...changes }))).toBe(reason)
        expect(await storage.listEvents({ event: `refresh.${reason}` })).toMatchObject([{ userId: user.id, agent }])
        expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      },
    )

    const narrowed: [string, string | undefined, string][] = [
      ['less', 'calendar.write', 'calendar.write'],
      ['all', 'calendar.read calendar.write', 'calendar.read calendar.write'],
      ['all in another order', 'calendar.write calendar.read', 'calendar.read calendar.write'],
      ['an omitted scope', undefined, 'calendar.read calendar.write'],
    ]
    test.each(narrowed)(
      'a refresh for %s returns a token for it, and does not change the grant or refresh token (RFC 6749 §6)',
      async (_, scope, given) => {
        const { storage } = world
        const { refresh, grantId } = await refreshable(storage)
        expect(await storage.refreshGrant({ ...refresh, scope })).toMatchObject({ issue: { scope: given } })
        expect(await storage.findGrant(grantId)).toMatchObject({ scope: 'calendar.read calendar.write' })
        expect(await storage.refreshGrant(refresh)).toMatchObject({ issue: { scope: 'calendar.read calendar.write' } })
      },
    )

    test.each(['calendar.read calendar.delete', 'calendar.delete', 'Calendar.read', 'calendar'])(
      'a refresh for more, as "%s", is refused and not counted',
      async (scope) => {
        const { storage } = world
        const { refresh, user } = await refreshable(storage)
        expect(outcomeOf(await storage.refreshGrant({ ...refresh, scope }))).toBe('scope_exceeded')
        expect(await storage.listGrantUsage({ userId: user.id })).toEqual([])
        expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      },
    )

    test('a refresh token covers the permissions of its request, not those added to the grant since', async () => {
      const { storage } = world
      const { refresh, user } = await refreshable(storage, { scope: 'calendar.read' }, { remembered: true })
      await allowedRequest(storage, {}, { remembered: true }, user)
      expect(await storage.refreshGrant(refresh)).toMatchObject({ grant: { scope: 'calendar.read calendar.write' } })
      expect(outcomeOf(await storage.refreshGrant({ ...refresh, scope: 'calendar.write' }))).toBe('scope_exceeded')
    })

    test('the reason that a refresh token is invalid comes before errors in the requested scope', async () => {
      const { storage } = world
      const { refresh } = await refreshable(storage)
      const wider = { ...refresh, scope: 'calendar.delete' }
      expect(outcomeOf(await storage.refreshGrant({ ...wider, agent: 'https://thief.example' }))).toBe('foreign_agent')
      await storage.revokeRefreshToken(refresh)
      expect(outcomeOf(await storage.refreshGrant(wider))).toBe('revoked')
    })

    test('an unknown refresh token is refused', async () => {
      const { refresh } = await refreshable(world.storage)
      expect(outcomeOf(await world.storage.refreshGrant({ ...refresh, tokenHash: freshHash() }))).toBe('unknown')
    })

    test('a refresh token is valid until the last second of its lifetime, and of its idle time (X14)', async () => {
      const { storage } = world
      const token = { tokenHash: freshHash(), idleSeconds: 1000, lifetime: 1500 }
      const { refresh } = await refreshable(storage, {}, {}, undefined, token)
      const reasonAt = async (time: number) => {
        world.now = time
        return outcomeOf(await storage.refreshGrant(refresh))
      }
      expect(await reasonAt(start + 1000)).toBe('idle')
      expect(await reasonAt(start + 999)).toBe('refreshed')
      expect(await reasonAt(start + 1499)).toBe('refreshed')
      expect(await reasonAt(start + 1500)).toBe('expired')
    })

    test('nothing is refreshed for a disabled user or a blocked agent, for as long as that lasts (A19)', async () => {
      const { storage } = world
      const { refresh, user } = await refreshable(storage)
      const reason = async () => outcomeOf(await storage.refreshGrant(refresh))
      await storage.setUserStatus(user.id, 'disabled')
      expect(await reason()).toBe('user_disabled')
      await storage.setUserStatus(user.id, 'active')
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await reason()).toBe('agent_blocked')
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await reason()).toBe('refreshed')
    })

    test('once the grant is revoked, nothing is refreshed, even in a race (X13)', async () => {
      const { storage } = world
      const { refresh, grantId } = await refreshable(storage)
      const refreshes = (count: number) => times(count, async () => outcomeOf(await storage.refreshGrant(refresh)))
      const before = refreshes(20)
      const removed = storage.revokeGrant({ grantId, by: 'test' })
      const during = refreshes(20)
      const after = removed.then(() => Promise.all(refreshes(20)))
      for (const outcome of await Promise.all([...before, ...during]))
        expect(['refreshed', 'grant_ended']).toContain(outcome)
      expect(await after).toEqual(times(20, () => 'grant_ended'))
    })

    test('a reused code revokes the refresh token it issued, and leaves the grant and other tokens (X01)', async () => {
      const { storage } = world
      const { refresh, grantId, redemption, user } = await refreshable(storage, {}, { remembered: true })
      const others = await refreshable(storage, { delegate: 'laptop' }, { remembered: true }, user)
      expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
      expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('revoked')
      expect(outcomeOf(await storage.refreshGrant(others.refresh))).toBe('refreshed')
      expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
      const reuses = await storage.listEvents({ event: 'code.reused' })
      expect(reuses.map(({ data }) => data?.refreshRevoked)).toEqual([true, undefined])
    })

    test('repeated use of a code or a refresh token leaves at most 100 rows a day', async () => {
      const { storage } = world
      const { refresh, redemption } = await refreshable(storage)
      const thief = 'https://thief.example'
      const rows = async () => {
        const events = await storage.listEvents({ limit: 1000 })
        return ['code.reused', 'code.foreign_agent', 'refresh.foreign_agent'].map(
          (name) => events.filter(({ event }) => event === name).length,
        )
      }
      const present = async () => {
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
        expect(outcomeOf(await storage.redeemCode({ ...redemption, agent: thief }))).toBe('foreign_agent')
        expect(outcomeOf(await storage.refreshGrant({ ...refresh, agent: thief }))).toBe('foreign_agent')
      }
      for (let time = 0; time < 110; time++) await present()
      // In addition to these, there is the row of the revoked refresh token.
      expect(await rows()).toEqual([101, 100, 100])
      world.now += 86_400
      await present()
      expect(await rows()).toEqual([102, 101, 101])
    })

    test('a used code presented by another agent revokes nothing', async () => {
      const { storage } = world
      const { refresh, redemption } = await refreshable(storage)
      await storage.redeemCode({ ...redemption, agent: 'https://thief.example' })
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
    })

    test('of 50 parallel redemptions with their own refresh tokens, none stays valid (X01, X02)', async () => {
      const { storage } = world
      const { redemption } = await allowedRequest(storage)
      const tokens = times(50, newToken)
      await Promise.all(tokens.map((refresh) => storage.redeemCode({ ...redemption, refresh })))
      const reasons = []
      for (const { tokenHash } of tokens) {
        const tried = { tokenHash, agent, delegate: null, jkt: hashOf('jkt'), tokenLifetime: 600 }
        reasons.push(outcomeOf(await storage.refreshGrant(tried)))
      }
      expect(reasons.filter((reason) => reason !== 'unknown')).toEqual(['revoked'])
    })

    test('an agent can revoke its own token, once, and the grant stays', async () => {
      const { storage } = world
      const { refresh, grantId, user } = await refreshable(storage, { delegate: 'laptop' })
      const { tokenHash } = refresh
      const revoke = (changes: object = {}) =>
        storage.revokeRefreshToken({ tokenHash, agent, delegate: 'laptop', ...changes })
      expect(await revoke({ agent: 'https://thief.example' })).toBe(false) // X19
      expect(await revoke({ delegate: null })).toBe(false)
      expect(await revoke({ tokenHash: freshHash() })).toBe(false)
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      const results = await Promise.all(times(5, () => revoke()))
      expect(results.filter(Boolean)).toHaveLength(1)
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('revoked')
      expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
      expect(await storage.listEvents({ event: 'refresh.revoked' })).toMatchObject([
        { userId: user.id, agent, grantId },
      ])
    })
  })
}
