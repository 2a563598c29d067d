import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  edition,
  freshHash,
  grantOf,
  hashOf,
  type NewHandle,
  newRequest,
  newUser,
  outcomeOf,
  rememberedGrant,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function requestContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: extending requests`, makeStorage, (world) => {
    const extensible = async () => {
      const { tokenHash, binding, user } = await boundRequest(world.storage)
      return { tokenHash, browserHash: binding.browserHash, ...asRead(user), seconds: 600, maxExtensions: 10 }
    }

    test('a request stores its prompt', async () => {
      const asked = newRequest({ prompt: 'consent' })
      expect(await world.storage.createAuthRequest(asked)).toMatchObject({ prompt: 'consent', extensions: 0 })
      expect(await world.storage.findAuthRequest(asked.tokenHash)).toMatchObject({ prompt: 'consent' })
      expect(await world.storage.createAuthRequest(newRequest())).toMatchObject({ prompt: null })
    })

    test('a request’s expiry can be extended ten times, but not eleven, with an audit row each', async () => {
      const { storage } = world
      const extension = await extensible()
      const results = await Promise.all(times(20, () => storage.extendRequest(extension)))
      expect(results.filter(({ outcome }) => outcome === 'extended')).toHaveLength(10)
      expect(results.map(outcomeOf).filter((outcome) => outcome === 'limit')).toHaveLength(10)
      const expiresAt = start + 600 + 6000
      expect(results).toContainEqual({ outcome: 'extended', expiresAt, extensions: 10 })
      expect(await storage.findAuthRequest(extension.tokenHash)).toMatchObject({ expiresAt, extensions: 10 })
      const events = await storage.listEvents({ event: 'request.extended' })
      expect(events.map(({ data }) => data)).toEqual(
        times(10, (index) => ({ expiresAt: start + 600 * (index + 2), extensions: index + 1 })),
      )
      world.now = expiresAt - 1
      expect(await storage.findAuthRequest(extension.tokenHash)).toMatchObject({ status: 'open' })
      world.now = expiresAt
      expect(await storage.findAuthRequest(extension.tokenHash)).toMatchObject({ status: 'expired' })
    })

    test('each change to a valid extension is refused with its reason', async () => {
      const { storage } = world
      const extension = await extensible()
      const refused = async (changes: object) => outcomeOf(await storage.extendRequest({ ...extension, ...changes }))
      expect(await refused({ tokenHash: freshHash() })).toBe('unknown')
      expect(await refused({ browserHash: hashOf('other') })).toBe('other_browser')
      expect(await refused({ userId: (await newUser(storage)).id })).toBe('other_user')
      world.now = start + 600
      expect(await refused({})).toBe('expired')
      const decided = await allowedRequest(storage)
      expect(await refused({ tokenHash: decided.tokenHash })).toBe('not_open')
    })
  })

  inStorage(`${name}: a request with its viewer’s session`, makeStorage, (world) => {
    async function viewing() {
      const { storage } = world
      const { tokenHash, user } = await boundRequest(storage)
      const viewer = await storage.createUser({
        username: 'viewer',
        passwordHash: '$argon2id$of-a-password',
        email: 'viewer@example.org',
        displayName: 'A Viewer',
      })
      const session = {
        idHash: freshHash(),
        ...asRead(viewer),
        factorAddedAt: 0,
        idleSeconds: 300,
        lifetime: 1000,
        most: 5,
        amr: ['pwd'] as const,
      }
      await storage.createSession(session)
      const wait = (seconds: number) => {
        world.now += seconds
      }
      return { storage, tokenHash, user, viewer, sessionHash: session.idHash, wait }
    }

    test('returns what separate lookups return, no matter whom the request is bound to', async () => {
      const { storage, tokenHash, sessionHash } = await viewing()
      const session = await storage.findSession(sessionHash)
      expect(session).toMatchObject({ user: { username: 'viewer', email: 'viewer@example.org', status: 'active' } })
      expect(await storage.findViewedRequest({ tokenHash, sessionHash })).toEqual({
        request: await storage.findAuthRequest(tokenHash),
        session,
        wasDenied: undefined,
      })
      expect(await storage.findViewedRequest({ tokenHash: freshHash(), sessionHash })).toBeUndefined()
    })

    test('reports whether the viewer has denied the agent a request since a given time', async () => {
      const { storage, tokenHash, viewer, user, sessionHash } = await viewing()
      const wasDenied = async (deniedSince = start) =>
        (await storage.findViewedRequest({ tokenHash, sessionHash, deniedSince }))?.wasDenied
      await storage.recordEvent({ event: 'request.denied', userId: user.id, agent })
      await storage.recordEvent({ event: 'request.denied', userId: viewer.id, agent: 'https://other.example' })
      await storage.recordEvent({ event: 'request.allowed', userId: viewer.id, agent })
      expect(await wasDenied()).toBe(false)
      await storage.recordEvent({ event: 'request.denied', userId: viewer.id, agent })
      expect(await wasDenied()).toBe(true)
      expect(await wasDenied(start - 31 * 86_400 + 1)).toBe(true)
      expect(await wasDenied(start + 1)).toBe(false)
    })

    test('reports whether the code of an allowed request can be redeemed', async () => {
      const { storage, sessionHash } = await viewing()
      const { decision, redemption } = await allowedRequest(storage)
      const isRedeemable = async () =>
        (await storage.findViewedRequest({ tokenHash: decision.tokenHash, sessionHash }))?.request.codeRedeemable
      expect(await isRedeemable()).toBe(true)
      expect(outcomeOf(await storage.redeemCode(redemption))).toBe('redeemed')
      expect(await isRedeemable()).toBe(false)
    })

    test('keeps the session active, as a session lookup does', async () => {
      const { storage, tokenHash, sessionHash } = await viewing()
      for (let minute = 0; minute < 8; minute++) {
        world.now += 120
        const viewed = await storage.findViewedRequest({ tokenHash, sessionHash })
        expect(viewed?.session, `minute ${minute * 2}`).toBeDefined()
      }
      world.now = start + 1000
      expect(await storage.findViewedRequest({ tokenHash, sessionHash })).toMatchObject({ session: undefined })
    })

    test.each<[string, (viewed: Awaited<ReturnType<typeof viewing>>) => Promise<unknown>]>([
      ['has ended', ({ storage, sessionHash }) => storage.endSession(sessionHash)],
      ['has been idle for too long', async ({ wait }) => wait(300)],
      ['belongs to a disabled user', ({ storage, viewer }) => storage.setUserStatus(viewer.id, 'disabled')],
      ['belongs to a closed account', ({ storage, viewer }) => storage.closeAccount(asRead(viewer))],
    ])('returns only the request if the session %s, or is unknown', async (_why, change) => {
      const viewed = await viewing()
      const { storage, tokenHash } = viewed
      await change(viewed)
      for (const sessionHash of [viewed.sessionHash, freshHash()]) {
        expect(await storage.findViewedRequest({ tokenHash, sessionHash })).toEqual({
          request: await storage.findAuthRequest(tokenHash),
          session: undefined,
          wasDenied: undefined,
        })
      }
    })
  })

  inStorage(`${name}: granted permissions`, makeStorage, (world) => {
    test('a user may grant a part of the requested scope; grant and token cover that part, in the requested order', async () => {
      const { storage } = world
      const scope = 'a b c'
      const allowed = await allowedRequest(storage, { scope }, { scope: 'c a a' })
      expect(await storage.listEvents({ event: 'request.allowed' })).toMatchObject([{ data: { scope: 'a c' } }])
      expect(await storage.redeemCode(allowed.redemption)).toMatchObject({
        grant: { scope: 'a c' },
        issue: { scope: 'a c' },
      })
    })

    test.each(['a b d', 'd', '', ' '])('granting "%s" of "a b c" is refused without effect (C10)', async (scope) => {
      const { storage } = world
      const { decision, tokenHash } = await boundRequest(storage, { scope: 'a b c' })
      expect(outcomeOf(await storage.decideRequest({ ...decision, scope }))).toBe('changed')
      expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
      expect(await storage.listGrants()).toEqual([])
    })

    test('the code of a revoked or expired grant is invalid', async () => {
      const { storage } = world
      const removed = await allowedRequest(storage)
      await storage.revokeGrant({ grantId: await grantOf(storage, removed), by: 'test' })
      expect(await storage.findAuthRequest(removed.tokenHash)).toMatchObject({ codeRedeemable: false })
      const short = await allowedRequest(storage, {}, { grantLifetime: 30 })
      world.now = start + 30
      expect(await storage.findAuthRequest(short.tokenHash)).toMatchObject({ codeRedeemable: false })
    })
  })

  inStorage(`${name}: requests that need no page`, makeStorage, (world) => {
    const permitted = async (changes: object = {}, asked: object = {}) => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      const request = newRequest({ scope: 'calendar.read', ...asked })
      await storage.createAuthRequest(request)
      return {
        user,
        grantId,
        tokenHash: request.tokenHash,
        permission: {
          tokenHash: request.tokenHash,
          browserHash: freshHash(),
          ...asRead(user),
          state: 'state',
          grantId,
          handle: { handleHash: freshHash(), handleLifetime: 60 },
          ...changes,
        },
      }
    }
    const redemptionOf = ({ handle }: { handle: NewHandle }) => ({
      codeHash: handle.handleHash,
      agent,
      delegate: null,
      jkt: hashOf('jkt'),
      tokenLifetime: 600,
    })

    test('the use of a permission is written at most once a minute, by a response without a page or by its code', async () => {
      const { storage } = world
      const { permission, grantId } = await permitted()
      const lastUsedAt = async () => (await storage.findGrant(grantId))?.lastUsedAt
      world.now += 10
      await storage.allowRemembered(permission)
      expect(await lastUsedAt()).toBe(start + 10)
      world.now += 59
      expect(outcomeOf(await storage.redeemCode(redemptionOf(permission)))).toBe('redeemed')
      expect(await lastUsedAt()).toBe(start + 10)
      const { tokenHash } = newRequest()
      await storage.createAuthRequest(newRequest({ tokenHash, scope: 'calendar.read' }))
      const again = { ...permission, tokenHash, handle: { handleHash: freshHash(), handleLifetime: 600 } }
      await storage.allowRemembered(again)
      world.now += 60
      expect(outcomeOf(await storage.redeemCode(redemptionOf(again)))).toBe('redeemed')
      expect(await lastUsedAt()).toBe(start + 129)
    })

    test('approvals beyond the rate limit are refused, with or without a page, are counted, and change nothing', async () => {
      const { storage } = world
      const { permission, user } = await permitted()
      const { decision, tokenHash } = await boundRequest(storage, {}, user)
      const attempt = { key: freshHash(), window: 60, most: 1 }
      const count = async () => (await storage.countAttempt(attempt)).count
      expect(await count()).toBe(1)
      const events = await storage.listEvents()
      world.now += 20
      const tooOften = { outcome: 'refused', reason: 'too_often', retryAfter: 40 }
      expect(await storage.decideRequest({ ...decision, attempt })).toEqual(tooOften)
      expect(await storage.allowRemembered({ ...permission, attempt })).toEqual(tooOften)
      expect(await count()).toBe(4)
      expect(await storage.listEvents()).toEqual(events)
      expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
      world.now += 40
      expect(outcomeOf(await storage.decideRequest({ ...decision, attempt }))).toBe('allowed')
      expect(outcomeOf(await storage.allowRemembered({ ...permission, attempt: { ...attempt, most: 2 } }))).toBe(
        'allowed',
      )
      expect(await count()).toBe(3)
    })

    test('an active remembered grant that covers a request allows it, bound to the browser, under the same grant', async () => {
      const { storage } = world
      const { permission, grantId, user } = await permitted()
      world.now += 10
      expect(
        await storage.findRememberedGrant({
          edition,
          userId: user.id,
          agent,
          delegate: null,
          resource: 'https://calendar.example',
        }),
      ).toMatchObject({ id: grantId })
      expect(await storage.allowRemembered(permission)).toMatchObject({
        outcome: 'allowed',
        first: true,
        request: {
          status: 'allowed',
          browserHash: permission.browserHash,
          userId: user.id,
          state: 'state',
          codeRedeemable: true,
          decidedAt: start + 10,
        },
      })
      expect(await storage.findGrant(grantId)).toMatchObject({ lastUsedAt: start + 10 })
      expect(await storage.listEvents({ event: 'request.remembered' })).toMatchObject([
        { userId: user.id, grantId, agent, data: { scope: 'calendar.read' } },
      ])
      const redeemed = await storage.redeemCode(redemptionOf(permission))
      expect(redeemed).toMatchObject({ grant: { id: grantId }, issue: { scope: 'calendar.read' } })
      expect(await storage.listGrants()).toHaveLength(1)
      expect(await storage.findViolations()).toEqual([])
    })

    const uncovered: [string, object, object][] = [
      ['more than was allowed (C32)', {}, { scope: 'calendar.read calendar.delete' }],
      ['another resource (C33)', {}, { resource: 'https://mail.example' }],
      ['another agent (C33)', {}, { agent: 'https://other.example' }],
      ['another delegate (C38)', {}, { delegate: 'laptop' }],
      ['an unknown grant', { grantId: 'unknown' }, {}],
    ]
    test.each(uncovered)('a request for %s stays open for a page', async (_, changes, asked) => {
      const { permission, tokenHash } = await permitted(changes, asked)
      expect(outcomeOf(await world.storage.allowRemembered(permission))).toBe('not_covered')
      expect(await world.storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open', browserHash: null })
    })

    test('another user’s grant, or a revoked, expired, one-time or disabled user’s grant, covers nothing (C33)', async () => {
      const { storage } = world
      const { permission, user, grantId } = await permitted()
      const other = await newUser(storage)
      const reason = async (changes: object = {}) =>
        outcomeOf(await storage.allowRemembered({ ...permission, ...changes }))
      expect(await reason({ userId: other.id })).toBe('not_covered')
      const elsewhere = newRequest({ edition: 'other', scope: 'calendar.read' })
      await storage.createAuthRequest(elsewhere)
      expect(await reason({ tokenHash: elsewhere.tokenHash })).toBe('not_covered')
      const once = await allowedRequest(storage, {}, {}, user)
      expect(await reason({ grantId: await grantOf(storage, once) })).toBe('not_covered')
      await storage.setUserStatus(user.id, 'disabled')
      expect(await reason()).toBe('not_covered')
      await storage.setUserStatus(user.id, 'active')
      await storage.revokeGrant({ grantId, by: user.id })
      expect(await reason()).toBe('not_covered')
      const brief = await rememberedGrant(storage, {}, { grantLifetime: 30 }, user)
      world.now = start + 30
      expect(await reason({ grantId: brief.grantId })).toBe('not_covered')
      const parties = { edition, userId: user.id, agent, delegate: null, resource: 'https://calendar.example' }
      expect(await storage.findRememberedGrant(parties)).toBeUndefined()
    })

    test('an unknown, expired or abandoned request, or another browser’s request, is refused', async () => {
      const { storage } = world
      const { permission, user } = await permitted()
      const reason = async (changes: object = {}) =>
        outcomeOf(await storage.allowRemembered({ ...permission, ...changes }))
      expect(await reason({ tokenHash: freshHash() })).toBe('unknown')
      const { tokenHash, browserHash } = permission
      await storage.bindRequest({ tokenHash, browserHash, ...asRead(user), state: null })
      expect(await reason({ browserHash: hashOf('other') })).toBe('other_browser')
      world.now = start + 600
      expect(await reason()).toBe('expired')
      world.now = start
      await storage.abandonRequests({ agent, by: 'test' })
      expect(await reason()).toBe('not_open')
    })

    test('20 parallel permissions and decisions yield one outcome and one code (C09)', async () => {
      const { storage } = world
      for (const denies of [false, true]) {
        const { permission, tokenHash, user } = await permitted()
        const { browserHash } = permission
        const { request: judged } = await storage.bindRequest({ tokenHash, browserHash, ...asRead(user), state: null })
        if (!judged) throw new Error('the request is bound')
        const decision = {
          tokenHash,
          browserHash,
          ...asRead(user),
          judged,
          revision: 0,
          decision: denies ? ('deny' as const) : ('allow' as const),
          handle: permission.handle,
          grantLifetime: null,
          remembered: false,
        }
        const results = await Promise.all(
          times(20, (index) =>
            (index % 2 === 0) === denies ? storage.decideRequest(decision) : storage.allowRemembered(permission),
          ),
        )
        expect(new Set(results.map(outcomeOf)).size).toBe(1)
        expect(results.filter((result) => 'first' in result && result.first)).toHaveLength(1)
        const request = await storage.findAuthRequest(tokenHash)
        expect(request).toMatchObject({ status: results[0]?.outcome })
        const decided = (await storage.listEvents()).filter(
          ({ event, requestId }) => requestId === request?.id && /allowed|denied|remembered/.test(event),
        )
        expect(decided).toHaveLength(1)
      }
    })

    test('another user in the bound browser takes over', async () => {
      const { storage } = world
      const { permission, tokenHash, user } = await permitted()
      const before = await newUser(storage)
      const { browserHash } = permission
      await storage.bindRequest({ tokenHash, browserHash, ...asRead(before), state: null })
      expect(await storage.allowRemembered(permission)).toMatchObject({
        outcome: 'allowed',
        request: { userId: user.id, revision: 1 },
      })
    })
  })

  inStorage(`${name}: abandoning requests`, makeStorage, (world) => {
    test('an agent’s open requests are closed without a decision', async () => {
      const { storage } = world
      const open = await boundRequest(storage)
      const decided = await allowedRequest(storage)
      const other = await boundRequest(storage, { agent: 'https://other.example' })
      expect(await storage.abandonRequests({ agent, by: 'operator' })).toBe(1)
      expect(await storage.abandonRequests({ agent, by: 'operator' })).toBe(0)
      expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'abandoned' })
      expect(outcomeOf(await storage.decideRequest(open.decision))).toBe('not_open')
      expect(await storage.findAuthRequest(decided.tokenHash)).toMatchObject({ status: 'allowed' })
      expect(await storage.findAuthRequest(other.tokenHash)).toMatchObject({ status: 'open' })
      expect(await storage.listEvents({ event: 'requests.abandoned' })).toEqual([
        { id: expect.any(String), at: start, event: 'requests.abandoned', agent, data: { by: 'operator', count: 1 } },
      ])
    })
  })
}
