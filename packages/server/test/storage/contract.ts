import type { Storage } from 'countersign-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MakeStorage } from './contract/in-storage.js'
import {
  type AllowedRequest,
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  edition,
  eventNames,
  freshHash,
  grantOf,
  hashOf,
  newRequest,
  newUser,
  nonceClaim,
  outcomeOf,
  readNow,
  resource,
  times,
} from './fixtures.js'

const start = 1_600_000_000
const day = 86_400

/** The contract of every adapter; `makeStorage` returns an empty storage with the given clock. */
export function storageContract(name: string, makeStorage: MakeStorage): void {
  describe(name, () => {
    let now: number
    let storage: Storage

    beforeEach(async () => {
      now = start
      storage = await makeStorage({ now: () => now, sweepInterval: 0, usageDelay: 0 })
    })

    afterEach(() => storage.close())

    describe('accounts', () => {
      test('a new user is active', async () => {
        const user = await storage.createUser({ username: 'alice', passwordHash: 'hash', email: 'a@example.org' })
        expect(user).toMatchObject({ username: 'alice', email: 'a@example.org', displayName: null, status: 'active' })
      })

      test('of 20 parallel sign-ups with one name, exactly one succeeds, and the others get username_taken', async () => {
        const results = await Promise.allSettled(times(20, () => newUser(storage, 'alice')))
        const refused = results.filter((result) => result.status === 'rejected')
        expect(refused).toHaveLength(19)
        for (const { reason } of refused) expect(reason).toMatchObject({ code: 'username_taken' })
        expect(await eventNames(storage)).toEqual(['user.created'])
      })

      test('a credential is found by name, even for a disabled user, and not for an unknown name', async () => {
        const user = await newUser(storage, 'alice')
        await storage.setUserStatus(user.id, 'disabled')
        expect(await storage.findCredential('alice')).toEqual({
          user: { ...user, status: 'disabled', credentialRevision: 1 },
          passwordHash: '$argon2id$of-a-password',
          addedAt: start,
        })
        expect(await storage.findCredential('bob')).toBeUndefined()
      })

      test('a status is changed once, with an audit row, and not for an unknown user', async () => {
        const user = await newUser(storage)
        expect(await storage.setUserStatus(user.id, 'disabled')).toBe(true)
        expect(await storage.setUserStatus(user.id, 'disabled')).toBe(true)
        expect(await storage.setUserStatus(user.id, 'active')).toBe(true)
        expect(await storage.setUserStatus('nobody', 'disabled')).toBe(false)
        expect(await eventNames(storage)).toEqual(['user.created', 'user.disabled', 'user.enabled'])
      })
    })

    describe('sessions', () => {
      const session = async (changes: { idleSeconds?: number; lifetime?: number } = {}) => {
        const user = await newUser(storage)
        const idHash = freshHash()
        await storage.createSession({
          idHash,
          ...asRead(user),
          factorAddedAt: 0,
          idleSeconds: 300,
          lifetime: 1000,
          most: 50,
          ...changes,
        })
        return { user, idHash }
      }

      test('a session returns its user and the time of sign-in', async () => {
        const { user, idHash } = await session()
        now += 10
        expect(await storage.findSession(idHash)).toEqual({
          id: expect.any(String),
          user,
          authTime: start,
          amr: [],
          provedFor: null,
          expiresAt: start + 1000,
        })
        expect(await storage.findSession(freshHash())).toBeUndefined()
      })

      test('an unused session expires after its idle time, to the second', async () => {
        const { idHash } = await session()
        now = start + 300
        expect(await storage.findSession(idHash)).toBeUndefined()
        now = start + 299
        expect(await storage.findSession(idHash)).toBeDefined()
        now = start + 299 + 299
        expect(await storage.findSession(idHash)).toBeDefined()
      })

      test('a session in use expires at its lifetime, to the second', async () => {
        const { idHash } = await session()
        for (now = start; now < start + 1000; now += 111) expect(await storage.findSession(idHash)).toBeDefined()
        now = start + 1000
        expect(await storage.findSession(idHash)).toBeUndefined()
      })

      test('an ended session is gone, and ending it again is not an error', async () => {
        const { idHash } = await session()
        await storage.endSession(idHash)
        await storage.endSession(idHash)
        expect(await storage.findSession(idHash)).toBeUndefined()
        expect(await eventNames(storage)).toEqual(['user.created', 'session.created', 'session.ended'])
      })

      test('disabling a user ends their sessions for good', async () => {
        const { user, idHash } = await session()
        await storage.setUserStatus(user.id, 'disabled')
        expect(await storage.findSession(idHash)).toBeUndefined()
        expect(await storage.listSessions({ userId: user.id })).toEqual([])
        await storage.setUserStatus(user.id, 'active')
        expect(await storage.findSession(idHash)).toBeUndefined()
      })

      test('a session for a disabled or unknown user is refused', async () => {
        const { user } = await session()
        await storage.setUserStatus(user.id, 'disabled')
        const fresh = () => ({ idHash: freshHash(), factorAddedAt: 0, idleSeconds: 300, lifetime: 1000, most: 50 })
        expect(await storage.createSession({ ...fresh(), ...(await readNow(storage, user.id)) })).toBeUndefined()
        expect(await storage.createSession({ ...fresh(), ...asRead(user), userId: 'nobody' })).toBeUndefined()
      })
    })

    describe('requests', () => {
      test('a request is found by its token, with its original parameters', async () => {
        const asked = newRequest({ delegate: 'laptop', redirectUri: null })
        const created = await storage.createAuthRequest(asked)
        expect(await storage.findAuthRequest(asked.tokenHash)).toEqual(created)
        expect(created).toMatchObject({
          agent,
          delegate: 'laptop',
          resource,
          scope: 'calendar.read calendar.write',
          redirectUri: null,
          state: null,
          display: asked.display,
          status: 'open',
          browserHash: null,
          userId: null,
          createdAt: start,
          expiresAt: start + 600,
          decidedAt: null,
          codeRedeemable: false,
        })
        expect(await storage.findAuthRequest(freshHash())).toBeUndefined()
      })

      test('an open request reads as expired from its expiry on', async () => {
        const { tokenHash } = await boundRequest(storage)
        now = start + 599
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
        now = start + 600
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'expired' })
      })

      test('of 20 parallel requests with a limit of 5, exactly 5 are recorded (A13)', async () => {
        const results = await Promise.allSettled(times(20, () => storage.createAuthRequest(newRequest({ maxOpen: 5 }))))
        const refused = results.filter((result) => result.status === 'rejected')
        expect(refused).toHaveLength(15)
        for (const { reason } of refused) expect(reason).toMatchObject({ code: 'too_many_requests' })
        expect(await eventNames(storage)).toEqual(times(5, () => 'request.created'))
      })

      test('the limit is per agent, delegate and resource, and only open requests count', async () => {
        const limited = { maxOpen: 1 }
        const first = newRequest(limited)
        await storage.createAuthRequest(first)
        await storage.createAuthRequest(newRequest({ ...limited, delegate: 'laptop' }))
        await storage.createAuthRequest(newRequest({ ...limited, agent: 'https://other.example' }))
        await storage.createAuthRequest(newRequest({ ...limited, resource: 'https://mail.example' }))
        await expect(storage.createAuthRequest(newRequest(limited))).rejects.toMatchObject({
          code: 'too_many_requests',
        })
        now = first.lifetime + start
        await storage.createAuthRequest(newRequest(limited))
      })

      test('the state of the latest view is stored until a browser is bound', async () => {
        const { tokenHash } = newRequest()
        await storage.createAuthRequest(newRequest({ tokenHash }))
        const user = await newUser(storage)
        await storage.rememberState(tokenHash, 'first')
        await storage.rememberState(tokenHash, 'second')
        await storage.bindRequest({ tokenHash, browserHash: hashOf('browser'), ...asRead(user), state: null })
        await storage.rememberState(tokenHash, 'third')
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ state: 'second' })
        const [other, expired] = [newRequest(), newRequest({ lifetime: 0 })]
        for (const request of [other, expired]) await storage.createAuthRequest(request)
        await storage.rememberState(expired.tokenHash, 'too late')
        await storage.abandonRequests({ agent, by: 'operator' })
        await storage.rememberState(other.tokenHash, 'too late')
        for (const request of [other, expired])
          expect(await storage.findAuthRequest(request.tokenHash)).toMatchObject({ state: null })
      })

      test('the state of the binding wins over a remembered one, the first time only', async () => {
        const request = newRequest()
        await storage.createAuthRequest(request)
        const user = await newUser(storage)
        await storage.rememberState(request.tokenHash, 'remembered')
        const binding = { tokenHash: request.tokenHash, browserHash: hashOf('browser'), ...asRead(user) }
        await storage.bindRequest({ ...binding, state: 'bound' })
        await storage.bindRequest({ ...binding, state: 'later' })
        expect(await storage.findAuthRequest(request.tokenHash)).toMatchObject({ state: 'bound' })
      })
    })

    describe('binding', () => {
      test('of 20 browsers that bind in parallel, exactly one is bound (W23)', async () => {
        const user = await newUser(storage)
        const { tokenHash } = newRequest()
        await storage.createAuthRequest(newRequest({ tokenHash }))
        const results = await Promise.all(
          times(20, (index) =>
            storage.bindRequest({ tokenHash, browserHash: hashOf(`browser-${index}`), ...asRead(user), state: null }),
          ),
        )
        const bound = results.filter(({ outcome }) => outcome === 'bound')
        expect(bound).toHaveLength(1)
        expect(results.map(outcomeOf).filter((outcome) => outcome === 'other_browser')).toHaveLength(19)
        const request = await storage.findAuthRequest(tokenHash)
        expect(bound[0]).toMatchObject({ request: { browserHash: request?.browserHash } })
      })

      test('if two users bind in parallel in one browser, each change of the user raises the revision', async () => {
        const users = [await newUser(storage), await newUser(storage)]
        const { tokenHash } = newRequest()
        await storage.createAuthRequest(newRequest({ tokenHash }))
        const browserHash = hashOf('browser')
        const results = await Promise.all(
          times(20, async (index) => {
            const userId = users[index % 2]?.id ?? ''
            const result = await storage.bindRequest({
              tokenHash,
              browserHash,
              userId,
              credentialRevision: 0,
              state: null,
            })
            expect(result).toMatchObject({ outcome: 'bound', request: { userId } })
            return result
          }),
        )
        const request = await storage.findAuthRequest(tokenHash)
        const events = await storage.listEvents({ event: 'request.bound' })
        const changes = events.filter(({ requestId }) => requestId === request?.id).length - 1
        expect(request?.revision).toBe(changes)
        expect(Math.max(...results.map((result) => result.request?.revision ?? -1))).toBe(changes)
      })

      test('another browser learns nothing about the request (C05)', async () => {
        const { binding } = await boundRequest(storage)
        expect(await storage.bindRequest({ ...binding, browserHash: hashOf('other') })).toEqual({
          outcome: 'refused',
          reason: 'other_browser',
        })
      })

      test('binding the same browser and user again has no effect', async () => {
        const { binding, user } = await boundRequest(storage)
        expect(await storage.bindRequest(binding)).toMatchObject({
          outcome: 'bound',
          request: { revision: 0, userId: user.id },
        })
        expect(await storage.listEvents({ event: 'request.bound' })).toHaveLength(1)
      })

      test('another user in the same browser takes over and raises the revision', async () => {
        const { binding } = await boundRequest(storage)
        const other = await newUser(storage)
        expect(await storage.bindRequest({ ...binding, userId: other.id })).toMatchObject({
          outcome: 'bound',
          request: { revision: 1, userId: other.id },
        })
        expect(await storage.listEvents({ event: 'request.bound' })).toHaveLength(2)
      })

      test('an expired or decided request cannot be bound', async () => {
        const expired = await boundRequest(storage)
        const denied = await boundRequest(storage)
        await storage.decideRequest({ ...denied.decision, decision: 'deny' })
        expect(await storage.bindRequest(denied.binding)).toMatchObject({
          reason: 'not_open',
          request: { status: 'denied' },
        })
        now = start + 600
        expect(await storage.bindRequest(expired.binding)).toMatchObject({
          reason: 'expired',
          request: { status: 'expired' },
        })
      })

      test('an unknown request cannot be bound', async () => {
        const { binding } = await boundRequest(storage)
        expect(await storage.bindRequest({ ...binding, tokenHash: freshHash() })).toEqual({
          outcome: 'refused',
          reason: 'unknown',
        })
      })
    })

    describe('decisions', () => {
      test('Allow records the decision and a code that is valid for one code lifetime', async () => {
        const { decision, tokenHash } = await boundRequest(storage)
        expect(await storage.decideRequest(decision)).toMatchObject({
          outcome: 'allowed',
          first: true,
          request: { status: 'allowed', decidedAt: start, codeRedeemable: true },
        })
        now = start + 59
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'allowed', codeRedeemable: true })
        now = start + 60
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'allowed', codeRedeemable: false })
      })

      test('Deny leaves no grant and no code (C35)', async () => {
        const { decision, user } = await boundRequest(storage)
        expect(await storage.decideRequest({ ...decision, decision: 'deny' })).toMatchObject({
          outcome: 'denied',
          first: true,
          request: { status: 'denied', codeRedeemable: false },
        })
        expect(await storage.listGrants({ userId: user.id, agent })).toEqual([])
        const redemption = {
          codeHash: decision.handle.handleHash,
          agent,
          delegate: null,
          jkt: hashOf('jkt'),
          tokenLifetime: 600,
        }
        expect(await storage.redeemCode(redemption)).toEqual({ outcome: 'refused', reason: 'unknown' })
      })

      test('20 parallel decisions, Allow and Deny mixed, give one outcome and at most one code (C09)', async () => {
        for (const firstIsAllow of [0, 1]) {
          const { decision, tokenHash } = await boundRequest(storage)
          const results = await Promise.all(
            times(20, (index) =>
              storage.decideRequest({ ...decision, decision: index % 2 === firstIsAllow ? 'deny' : 'allow' }),
            ),
          )
          expect(new Set(results.map(outcomeOf)).size).toBe(1)
          expect(results.filter((result) => 'first' in result && result.first)).toHaveLength(1)
          const request = await storage.findAuthRequest(tokenHash)
          expect(request).toMatchObject({ status: results[0]?.outcome })
          for (const result of results) expect(result).toMatchObject({ request })
          const events = await storage.listEvents()
          expect(events.filter((e) => e.requestId === request?.id && e.event.match(/allowed|denied/))).toHaveLength(1)
        }
      })

      test('a second decision returns the recorded one, even after the request has expired', async () => {
        const { decision } = await boundRequest(storage)
        await storage.decideRequest(decision)
        now = start + 700
        const again = {
          ...decision,
          decision: 'deny' as const,
          revision: 7,
          handle: { handleHash: freshHash(), handleLifetime: 60 },
        }
        expect(await storage.decideRequest(again)).toMatchObject({ outcome: 'allowed', first: false })
      })

      test('each change to a valid decision is refused with its reason', async () => {
        const { decision, tokenHash } = await boundRequest(storage)
        const other = await newUser(storage)
        const refused = async (changes: object) => outcomeOf(await storage.decideRequest({ ...decision, ...changes }))
        expect(await refused({ tokenHash: freshHash() })).toBe('unknown')
        expect(await refused({ browserHash: hashOf('other') })).toBe('other_browser')
        expect(await refused({ userId: other.id })).toBe('other_user')
        expect(await refused({ revision: 1 })).toBe('changed')
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
        now = start + 600
        expect(await refused({})).toBe('expired')
        now = start + 599
        expect(await refused({})).toBe('allowed')
        expect(await refused({ browserHash: hashOf('other') })).toBe('not_open')
      })

      test('an unbound request cannot be decided', async () => {
        const { decision } = await boundRequest(storage)
        const unbound = newRequest()
        await storage.createAuthRequest(unbound)
        expect(outcomeOf(await storage.decideRequest({ ...decision, tokenHash: unbound.tokenHash }))).toBe(
          'other_browser',
        )
      })

      test('a decision applies to its own request: another request of the same user and browser stays open (J03)', async () => {
        const { decision, binding, user } = await boundRequest(storage)
        const second = newRequest({ resource: 'https://two.example' })
        await storage.createAuthRequest(second)
        const bound = await storage.bindRequest({ ...binding, tokenHash: second.tokenHash })
        if (bound.outcome !== 'bound') throw new Error('the request is bound')
        const decided = { ...decision, tokenHash: second.tokenHash, judged: bound.request }
        expect(outcomeOf(await storage.decideRequest(decided))).toBe('allowed')
        expect(await storage.findAuthRequest(decision.tokenHash)).toMatchObject({ status: 'open' })
        expect(await storage.findAuthRequest(second.tokenHash)).toMatchObject({ status: 'allowed' })
        expect(await storage.listGrants({ userId: user.id })).toMatchObject([{ resource: 'https://two.example' }])
      })

      test('the audit row of a denial names what was requested', async () => {
        const { decision } = await boundRequest(storage, { scope: 'calendar.read' })
        await storage.decideRequest({ ...decision, decision: 'deny', handle: undefined })
        expect(await storage.listEvents({ event: 'request.denied' })).toMatchObject([
          { data: { scope: 'calendar.read', revision: 0 } },
        ])
      })

      test('the previous user’s page is refused once another user took over (C23)', async () => {
        const { decision, binding } = await boundRequest(storage)
        const other = await newUser(storage)
        const { request: judged } = await storage.bindRequest({ ...binding, userId: other.id })
        if (!judged) throw new Error('the request is bound')
        expect(outcomeOf(await storage.decideRequest(decision))).toBe('other_user')
        expect(outcomeOf(await storage.decideRequest({ ...decision, userId: other.id }))).toBe('changed')
        const shown = { ...decision, userId: other.id, revision: 1 }
        expect(outcomeOf(await storage.decideRequest(shown)), 'decided before').toBe('changed')
        expect(outcomeOf(await storage.decideRequest({ ...shown, judged }))).toBe('allowed')
      })

      test('a page from before another user took over is refused, even once its user is back (C23)', async () => {
        const { decision, binding } = await boundRequest(storage)
        const other = await newUser(storage)
        await storage.bindRequest({ ...binding, userId: other.id })
        const { request: judged } = await storage.bindRequest(binding)
        if (!judged) throw new Error('the request is bound')
        expect(outcomeOf(await storage.decideRequest(decision))).toBe('changed')
        expect(await storage.listGrants()).toEqual([])
        const { revision } = judged
        expect(outcomeOf(await storage.decideRequest({ ...decision, judged, revision }))).toBe('allowed')
      })

      test('a remembered decision extends the grant for the same user, agent, resource and delegate', async () => {
        const user = await newUser(storage)
        const remembered = { remembered: true }
        const first = await allowedRequest(storage, {}, remembered, user)
        const laptop = await allowedRequest(storage, { delegate: 'laptop' }, remembered, user)
        const mail = await allowedRequest(storage, { resource: 'https://mail.example' }, remembered, user)
        const once = await allowedRequest(storage, {}, {}, user)
        const second = await allowedRequest(storage, {}, remembered, user)
        const grants = []
        for (const { redemption } of [first, laptop, mail, once, second]) {
          const redeemed = await storage.redeemCode(redemption)
          grants.push(redeemed.outcome === 'redeemed' ? redeemed.grant.id : redeemed.reason)
        }
        expect(new Set(grants).size).toBe(4)
        expect(grants[0]).toBe(grants[4])
        expect(await storage.listEvents({ event: 'grant.revoked' })).toEqual([])
      })

      test('grants are listed per user and agent', async () => {
        const { user } = await allowedRequest(storage)
        const other = await newUser(storage)
        expect(await storage.listGrants({ userId: user.id, agent })).toHaveLength(1)
        expect(await storage.listGrants({ userId: user.id, agent: 'https://other.example' })).toEqual([])
        expect(await storage.listGrants({ userId: other.id, agent })).toEqual([])
      })
    })

    describe('codes', () => {
      test('a redeemed code returns the grant, the user and an issue under the grant', async () => {
        const { redemption, user, tokenHash } = await allowedRequest(storage, { delegate: 'laptop' })
        now += 5
        const result = await storage.redeemCode({
          ...redemption,
          redirectUri: 'https://agent.example/callback',
          requestTokenHash: tokenHash,
        })
        if (result.outcome !== 'redeemed') throw new Error(result.reason)
        expect(result.user).toEqual(user)
        expect(result.grant).toMatchObject({ userId: user.id, agent, resource, delegate: 'laptop', expiresAt: null })
        expect(result.issue).toMatchObject({ issuedAt: start + 5, expiresAt: start + 605 })
        expect(result.issue.jti.startsWith(`${result.grant.id}.`)).toBe(true)
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'allowed', codeRedeemable: false })
      })

      test('50 parallel redemptions of one code yield exactly one token (X02)', async () => {
        const { redemption } = await allowedRequest(storage)
        const results = await Promise.all(times(50, () => storage.redeemCode(redemption)))
        const outcomes = results.map(outcomeOf)
        expect(outcomes.filter((outcome) => outcome === 'redeemed')).toHaveLength(1)
        expect(outcomes.filter((outcome) => outcome === 'used')).toHaveLength(49)
        expect(await storage.listEvents({ event: 'code.redeemed' })).toHaveLength(1)
        expect(await storage.listEvents({ event: 'code.reused' })).toHaveLength(49)
      })

      test('a token never outlives its grant', async () => {
        const { redemption } = await allowedRequest(storage, {}, { grantLifetime: 100 })
        expect(await storage.redeemCode(redemption)).toMatchObject({ issue: { expiresAt: start + 100 } })
      })

      test('a code works until the last second of its lifetime (X03)', async () => {
        const late = await allowedRequest(storage)
        const tooLate = await allowedRequest(storage)
        now = start + 59
        expect(outcomeOf(await storage.redeemCode(late.redemption))).toBe('redeemed')
        now = start + 60
        expect(outcomeOf(await storage.redeemCode(tooLate.redemption))).toBe('expired')
      })

      test('redeems with a key rotated since the request (X06)', async () => {
        const { redemption } = await allowedRequest(storage, { agentJkt: hashOf('the-old-key') })
        expect(outcomeOf(await storage.redeemCode({ ...redemption, jkt: hashOf('the-new-key') }))).toBe('redeemed')
      })

      const burns: [string, string, object][] = [
        ['another agent (X04)', 'foreign_agent', { agent: 'https://thief.example' }],
        ['another delegate (X05)', 'foreign_delegate', { delegate: 'tablet' }],
        ['no delegate (X05)', 'foreign_delegate', { delegate: null }],
        ['another key, if keys are checked (X06)', 'foreign_key', { jkt: hashOf('another-key'), bindToKey: true }],
        ['the request token of another request (X20)', 'injected', { requestTokenHash: freshHash() }],
        [
          'the request token of another request and another redirect URI (X20)',
          'injected',
          { requestTokenHash: freshHash(), redirectUri: 'https://agent.example/other' },
        ],
      ]
      test.each(burns)('a code presented with %s is burned and audited', async (_, reason, changes) => {
        const { redemption, tokenHash } = await allowedRequest(storage, { delegate: 'laptop' })
        expect(outcomeOf(await storage.redeemCode({ ...redemption, ...changes }))).toBe(reason)
        expect(await storage.listEvents({ event: `code.${reason}` })).toHaveLength(1)
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ codeRedeemable: false })
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
      })

      test.each(burns)(
        'a code presented with %s stays valid if misuse does not burn it',
        async (_, reason, changes) => {
          const { redemption } = await allowedRequest(storage, { delegate: 'laptop' })
          const misused = { ...redemption, ...changes, burnsOnMisuse: false }
          expect(outcomeOf(await storage.redeemCode(misused))).toBe(reason)
          expect(outcomeOf(await storage.redeemCode(redemption))).toBe('redeemed')
        },
      )

      test('a code presented for another resource stays valid', async () => {
        const { redemption } = await allowedRequest(storage)
        const at = (other: string) => ({ ...redemption, isResource: (each: string) => each === other })
        expect(outcomeOf(await storage.redeemCode(at('https://other.example')))).toBe('other_resource')
        expect(outcomeOf(await storage.redeemCode(at(resource)))).toBe('redeemed')
      })

      test('a code presented with another redirect URI by its own agent is audited and stays valid (W12)', async () => {
        const { redemption, tokenHash } = await allowedRequest(storage, { delegate: 'laptop' })
        const mistaken = { ...redemption, redirectUri: 'https://agent.example/callback/' }
        expect(outcomeOf(await storage.redeemCode(mistaken))).toBe('redirect_mismatch')
        expect(await storage.listEvents({ event: 'code.redirect_mismatch' })).toHaveLength(1)
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ codeRedeemable: true })
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('redeemed')
        expect(outcomeOf(await storage.redeemCode(mistaken))).toBe('used')
      })

      const lasting: [string, string, (allowed: AllowedRequest) => Promise<unknown>][] = [
        [
          'that has expired',
          'expired',
          async () => {
            now += 60
          },
        ],
        ['of a disabled user', 'user_disabled', ({ user }) => storage.setUserStatus(user.id, 'disabled')],
        [
          'of a revoked grant',
          'grant_ended',
          async (allowed) => storage.revokeGrant({ grantId: await grantOf(storage, allowed), by: allowed.user.id }),
        ],
      ]
      test.each(lasting)(
        'a code %s is refused for that reason each time, and never as reused',
        async (_, reason, change) => {
          const allowed = await allowedRequest(storage)
          await change(allowed)
          for (let tries = 0; tries < 3; tries++) {
            expect(outcomeOf(await storage.redeemCode(allowed.redemption))).toBe(reason)
          }
          expect(await storage.listEvents({ event: 'code.reused' })).toEqual([])
        },
      )

      test('a foreign agent is reported before the code is reported as used or expired', async () => {
        const { redemption } = await allowedRequest(storage)
        await storage.redeemCode(redemption)
        now = start + 60
        expect(outcomeOf(await storage.redeemCode({ ...redemption, agent: 'https://thief.example' }))).toBe(
          'foreign_agent',
        )
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
      })

      test('an unknown code is refused without an audit row', async () => {
        const { redemption } = await allowedRequest(storage)
        const before = await eventNames(storage)
        expect(await storage.redeemCode({ ...redemption, codeHash: freshHash() })).toEqual({
          outcome: 'refused',
          reason: 'unknown',
        })
        expect(await eventNames(storage)).toEqual(before)
      })

      test('a code of a user disabled in the meantime is refused (X09)', async () => {
        const { redemption, user } = await allowedRequest(storage)
        await storage.setUserStatus(user.id, 'disabled')
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('user_disabled')
      })

      test('a code of a grant revoked or expired in the meantime is refused (X09)', async () => {
        const removed = await allowedRequest(storage)
        const expired = await allowedRequest(storage, {}, { grantLifetime: 30 })
        const grantId = await grantOf(storage, removed)
        expect(await storage.revokeGrant({ grantId, by: removed.user.id })).toBe(true)
        expect(outcomeOf(await storage.redeemCode(removed.redemption))).toBe('grant_ended')
        now = start + 30
        expect(outcomeOf(await storage.redeemCode(expired.redemption))).toBe('grant_ended')
      })
    })

    describe('revocation of grants', () => {
      test('of 10 parallel revocations, one is the first, and one audit row names who did it', async () => {
        const allowed = await allowedRequest(storage)
        const { user } = allowed
        const grantId = await grantOf(storage, allowed)
        const results = await Promise.all(times(10, () => storage.revokeGrant({ grantId, by: user.id })))
        expect(results.filter(Boolean)).toHaveLength(1)
        expect(await storage.listEvents({ event: 'grant.revoked' })).toMatchObject([
          { grantId, userId: user.id, agent, resource, data: { by: user.id } },
        ])
      })

      test('another user’s grant, or an unknown one, is not revoked', async () => {
        const allowed = await allowedRequest(storage)
        const other = await newUser(storage)
        const grantId = await grantOf(storage, allowed)
        expect(await storage.revokeGrant({ grantId, by: other.id, userId: other.id })).toBe(false)
        expect(await storage.revokeGrant({ grantId: 'unknown', by: other.id })).toBe(false)
        expect(await storage.listEvents({ event: 'grant.revoked' })).toEqual([])
      })
    })

    describe('audit', () => {
      test('a complete consent leaves its events in order, each naming its subject', async () => {
        const { redemption, user } = await allowedRequest(storage)
        await storage.redeemCode(redemption)
        const events = await storage.listEvents()
        expect(events.map(({ event }) => event)).toEqual([
          'user.created',
          'request.created',
          'request.bound',
          'request.allowed',
          'code.redeemed',
        ])
        expect(events.at(-1)).toMatchObject({ at: start, userId: user.id, agent, resource })
        expect(events.at(-1)?.grantId).toBe(events.at(-2)?.grantId)
        expect(events.at(-1)?.requestId).toBe(events.at(1)?.requestId)
      })

      test('events are returned as recorded, oldest first, filtered and limited', async () => {
        const consent = { event: 'consent.forged', ip: '192.0.2.1', data: { tries: 2, blocked: false, by: null } }
        await storage.recordEvent({ event: 'sign_in.failed', userId: undefined })
        now += 1
        await storage.recordEvent(consent)
        now += 1
        await storage.recordEvent({ event: 'sign_in.failed' })
        expect(await storage.listEvents({ event: 'consent.forged' })).toEqual([
          { ...consent, id: expect.any(String), at: start + 1 },
        ])
        expect((await storage.listEvents({ limit: 2 })).map(({ at }) => at)).toEqual([start, start + 1])
      })
    })

    describe('retention', () => {
      test('a sweep deletes nonces and sessions when they expire, requests and codes a day later', async () => {
        const { redemption, user, tokenHash } = await allowedRequest(storage)
        await storage.redeemCode(redemption)
        const undecided = await boundRequest(storage)
        const session = {
          idHash: freshHash(),
          ...asRead(user),
          factorAddedAt: 0,
          idleSeconds: 300,
          lifetime: 1000,
          most: 50,
        }
        await storage.createSession(session)
        await storage.claimNonce(nonceClaim())
        expect(await storage.sweep()).toBe(0)
        now = start + 130
        expect(await storage.sweep()).toBe(1)
        now = start + 300
        expect(await storage.sweep()).toBe(1)
        now = start + day + 59
        expect(await storage.sweep()).toBe(0)
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
        now = start + day + 60
        expect(await storage.sweep()).toBe(1)
        expect(outcomeOf(await storage.redeemCode(redemption))).toBe('unknown')
        now = start + day + 600
        expect(await storage.sweep()).toBe(2)
        expect(await storage.findAuthRequest(tokenHash)).toBeUndefined()
        expect(await storage.findAuthRequest(undecided.tokenHash)).toBeUndefined()
        expect(await storage.listGrants({ userId: user.id, agent })).toHaveLength(1)
      })
    })

    describe('closing', () => {
      beforeEach(async () => {
        await storage.close()
        // An adapter may share a storage without options between tests, and then leaves it open.
        storage = await makeStorage({ now: () => now, sweepInterval: 0, usageDelay: 0, limits: {} })
      })

      test('every verb of a closed storage rejects with unavailable', async () => {
        const { redemption, decision, binding, tokenHash, user } = await allowedRequest(storage)
        const session = {
          idHash: hashOf('id'),
          ...asRead(user),
          factorAddedAt: 0,
          idleSeconds: 1,
          lifetime: 1,
          most: 50,
        }
        const identity = { issuer: 'https://login.example', subject: 'alice' }
        const passkey = { ...asRead(user), credentialId: 'id', counter: 0 }
        const limit = { key: hashOf('key'), window: 900, most: 1 }
        const key = {
          kid: 'key',
          purpose: 'secret' as const,
          alg: 'HS256',
          private: 'sealed',
          publicJwk: null,
          state: 'next' as const,
        }
        const rotation = {
          ...redemption,
          family: 'id',
          generation: 0,
          tokenHash,
          successorHash: hashOf('successor'),
          grace: 60,
          idleSeconds: 60,
        }
        await storage.close()
        const calls: Record<Exclude<keyof Storage, 'close'>, () => Promise<unknown>> = {
          createUser: () => newUser(storage),
          findUser: () => storage.findUser(user.id),
          findCredential: () => storage.findCredential('alice'),
          listUsers: () => storage.listUsers(),
          countUsers: () => storage.countUsers(),
          setUserStatus: () => storage.setUserStatus(user.id, 'disabled'),
          setPasswordHash: () => storage.setPasswordHash({ ...asRead(user), passwordHash: 'hash' }),
          closeAccount: () => storage.closeAccount(asRead(user)),
          editUser: () => storage.editUser({ userId: user.id, email: null }),
          unlockUser: () => storage.unlockUser({ userId: user.id }),
          exportUser: () => storage.exportUser(user.id),
          findFederatedUser: () => storage.findFederatedUser(identity),
          createFederatedUser: () => storage.createFederatedUser({ ...identity, username: 'alice' }),
          linkFederated: () => storage.linkFederated({ ...identity, userId: user.id }),
          listFactors: () => storage.listFactors(user.id),
          unlinkFederated: () =>
            storage.unlinkFederated({ ...identity, ...asRead(user), otherWays: { passkey: true, issuers: [] } }),
          listFederated: () => storage.listFederated(user.id),
          createSession: () => storage.createSession(session),
          findSession: () => storage.findSession(hashOf('id')),
          endSession: () => storage.endSession(hashOf('id')),
          listSessions: () => storage.listSessions({ userId: user.id }),
          endSessionById: () => storage.endSessionById({ userId: user.id, id: 'id' }),
          endSessions: () => storage.endSessions({ userId: user.id }),
          reauthenticate: () =>
            storage.reauthenticate({
              idHash: hashOf('id'),
              newIdHash: hashOf('new'),
              credentialRevision: 0,
              factorAddedAt: 0,
            }),
          addPasskey: () => storage.addPasskey({ ...passkey, publicKey: new Uint8Array([1]) }),
          listPasskeys: () => storage.listPasskeys(user.id),
          findPasskey: () => storage.findPasskey('id'),
          usePasskey: () => storage.usePasskey(passkey),
          removePasskey: () => storage.removePasskey(passkey),
          findSecondFactor: () => storage.findSecondFactor(user.id),
          setSecondFactor: () =>
            storage.setSecondFactor({ ...asRead(user), sealedSecret: '', usedStep: 0, recoveryHashes: [tokenHash] }),
          replaceRecoveryCodes: () => storage.replaceRecoveryCodes({ ...asRead(user), recoveryHashes: [tokenHash] }),
          removeSecondFactor: () => storage.removeSecondFactor(asRead(user)),
          useSecondFactor: () => {
            const own = { key: tokenHash, window: 60, most: 1 }
            return storage.useSecondFactor({
              ...asRead(user),
              sealedSecret: '',
              recoveryHash: tokenHash,
              limits: [own],
              own,
            })
          },
          notifyOfBlocks: () => storage.notifyOfBlocks({ most: 1, emails: true }),
          queueEmail: () => storage.queueEmail({ kind: 'reset', username: 'alice', language: 'en' }),
          claimEmails: () => storage.claimEmails({ limit: 1, lease: 60, perAddress: 5 }),
          settleEmail: () => storage.settleEmail({ id: 'id', attempt: 1, outcome: 'sent' }),
          confirmEmail: () => storage.confirmEmail({ userId: user.id, email: 'alice@home.example', language: 'en' }),
          createLink: () =>
            storage.createLink({ userId: user.id, tokenHash: freshHash(), purpose: 'reset', lifetime: 60 }),
          findLink: () => storage.findLink(freshHash()),
          addPasskeyByLink: () =>
            storage.addPasskeyByLink({
              tokenHash: freshHash(),
              credentialId: freshHash(),
              publicKey: new Uint8Array([1]),
              counter: 0,
            }),
          setPasswordByLink: () => storage.setPasswordByLink({ tokenHash: freshHash(), passwordHash: 'hash' }),
          claimNonce: () => storage.claimNonce(nonceClaim()),
          countAttempt: () => storage.countAttempt({ key: hashOf('key'), window: 900 }),
          countRequest: () => storage.countRequest({ agent, attempts: [{ key: hashOf('key'), window: 900 }] }),
          forgiveAttempts: () => storage.forgiveAttempts([hashOf('key')]),
          findReachedLimit: () => storage.findReachedLimit([limit]),
          countWithinLimits: () => storage.countWithinLimits([limit]),
          clearAttempts: () => storage.clearAttempts(limit),
          isKnownDevice: () => storage.isKnownDevice({ username: 'alice', browserHash: binding.browserHash }),
          createAuthRequest: () => storage.createAuthRequest(newRequest()),
          findAuthRequest: () => storage.findAuthRequest(tokenHash),
          findViewedRequest: () => storage.findViewedRequest({ tokenHash, sessionHash: hashOf('id') }),
          rememberState: () => storage.rememberState(tokenHash, 'state'),
          bindRequest: () => storage.bindRequest(binding),
          extendRequest: () => storage.extendRequest({ ...binding, seconds: 600, maxExtensions: 10 }),
          decideRequest: () => storage.decideRequest(decision),
          allowRemembered: () => storage.allowRemembered({ ...decision, ...binding, grantId: 'id' }),
          findPolledRequest: () => storage.findPolledRequest(hashOf('poll')),
          findPolledStates: () => storage.findPolledStates([hashOf('poll')]),
          markAnswered: () => storage.markAnswered(hashOf('poll')),
          relinquishRequest: () => storage.relinquishRequest({ pollHash: hashOf('poll') }),
          countWrongLink: () => storage.countWrongLink({ linkHandle: 'ABCD', most: 5 }),
          abandonRequests: () => storage.abandonRequests({ agent, by: user.id }),
          redeemCode: () => storage.redeemCode(redemption),
          prepareRedemption: () => storage.prepareRedemption(redemption),
          refreshGrant: () => storage.refreshGrant({ ...redemption, tokenHash }),
          rotateRefresh: () => storage.rotateRefresh(rotation),
          prepareRotation: () => storage.prepareRotation(rotation),
          revokeRefreshToken: () => storage.revokeRefreshToken({ tokenHash, agent, delegate: null }),
          recordAutonomousIssue: () =>
            storage.recordAutonomousIssue({ ...redemption, resource, scope: 'read', policy: 'nightly' }),
          issueRemembered: () =>
            storage.issueRemembered({ ...redemption, edition, userId: user.id, resource, scope: 'read' }),
          findGrant: () => storage.findGrant('id'),
          findRememberedGrant: () =>
            storage.findRememberedGrant({ edition, userId: user.id, agent, delegate: null, resource }),
          listGrants: () => storage.listGrants(),
          listGrantUsage: () => storage.listGrantUsage({ userId: user.id }),
          revokeGrant: () => storage.revokeGrant({ grantId: 'id', by: user.id }),
          revokeGrants: () => storage.revokeGrants({ userId: user.id, by: user.id }),
          listExtendable: () => storage.listExtendable({ userId: user.id, grantIds: ['id'] }),
          extendPermissions: () =>
            storage.extendPermissions({
              ...asRead(user),
              grantId: 'id',
              permissions: [],
              lifetime: null,
              refreshLifetime: 1,
            }),
          removePermissions: () => storage.removePermissions({ grantId: 'id', userId: user.id, names: [] }),
          listRevocations: () => storage.listRevocations({ since: 0, perUser: 1, limit: 1 }),
          findBinding: () => storage.findBinding({ edition, agent, delegate: null }),
          findIssue: () => storage.findIssue('id'),
          findDueDeliveries: () => storage.findDueDeliveries({ edition, limit: 1 }),
          claimDeliveries: () => storage.claimDeliveries({ edition, limit: 1, lease: 60 }),
          settleDelivery: () => storage.settleDelivery({ id: '1', attempt: 1, outcome: 'delivered' }),
          listDeliveries: () => storage.listDeliveries({ userId: user.id }),
          recordRevocation: () =>
            storage.recordRevocation({ edition, issuer: agent, jti: 'id', expiresAt: start, most: 1 }),
          isRevoked: () => storage.isRevoked({ issuer: agent, jti: 'id' }),
          recordPoll: () =>
            storage.recordPoll({ pollHash: 'h', agent, delegate: null, agentToken: { jti: 'id', expiresAt: start } }),
          listSubjects: () => storage.listSubjects({ userId: user.id }),
          findUserBySubject: () => storage.findUserBySubject(user.id),
          createDeviceCode: () =>
            storage.createDeviceCode({ ...asRead(user), codeHash: freshHash(), lifetime: 60, most: 1 }),
          redeemDeviceCode: () =>
            storage.redeemDeviceCode({
              codeHash: freshHash(),
              thumbprint: freshHash(),
              name: undefined,
              ip: undefined,
              lifetime: 60,
              most: 1,
            }),
          findDeviceCode: () => storage.findDeviceCode({ userId: user.id, codeHash: freshHash() }),
          confirmDevice: () => storage.confirmDevice({ ...asRead(user), codeHash: freshHash(), allow: true }),
          findDevice: () => storage.findDevice({ id: 'id' }),
          useDevice: () => storage.useDevice({ id: 'id', ip: undefined }),
          listDevices: () => storage.listDevices(),
          disconnectDevice: () => storage.disconnectDevice({ id: 'id', by: user.id }),
          listBindings: () => storage.listBindings({ userId: user.id }),
          removeBinding: () => storage.removeBinding({ edition, agent, delegate: null, userId: user.id, by: user.id }),
          recordAgent: () => storage.recordAgent({ agent, redirectHosts: [], keyThumbprints: [] }),
          findAgent: () => storage.findAgent(agent),
          listAgents: () => storage.listAgents(),
          setAgentBlocked: () => storage.setAgentBlocked({ agent, blocked: true, by: user.id }),
          findStanding: () => storage.findStanding(agent),
          claimLogo: () => storage.claimLogo({ agent, uri: 'https://agent.example/logo', maxAge: 1, retryAfter: 1 }),
          keepLogo: () => storage.keepLogo({ agent, uri: 'https://agent.example/logo', logo: null }),
          removeLogo: () => storage.removeLogo(agent),
          findLogos: () => storage.findLogos([agent]),
          readLogo: () => storage.readLogo('logo'),
          registerClient: () =>
            storage.registerClient({ id: 'app-1', metadata: {}, network: '', lifetime: 60, most: 1, mostPerUser: 1 }),
          findRegisteredClient: () => storage.findRegisteredClient('app-1'),
          extendRegisteredClient: () => storage.extendRegisteredClient({ id: 'app-1', lifetime: 60 }),
          claimIssuer: () => storage.claimIssuer('https://auth.example'),
          findIssuer: () => storage.findIssuer(),
          findLongestTokenLifetime: () => storage.findLongestTokenLifetime(),
          readClock: () => storage.readClock(),
          invalidateRestored: () => storage.invalidateRestored('operator'),
          findViolations: () => storage.findViolations(),
          listKeys: () => storage.listKeys(),
          addKey: () => storage.addKey(key),
          createKeysIfNone: () => storage.createKeysIfNone([key]),
          moveKeys: () => storage.moveKeys([{ kid: 'key', from: 'next', to: 'active' }]),
          recordEvent: () => storage.recordEvent({ event: 'thing.happened' }),
          listEvents: () => storage.listEvents(),
          listSinceDenial: () => storage.listSinceDenial({ userId: user.id, agent: 'https://agent.example', since: 0 }),
          sweep: () => storage.sweep(),
        }
        for (const [verb, call] of Object.entries(calls)) {
          await expect(call(), verb).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' })
        }
      })

      test('closing twice is not an error', async () => {
        await storage.close()
        await storage.close()
      })
    })
  })
}
