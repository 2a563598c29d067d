import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  asRead,
  edition,
  freshHash,
  grantOf,
  hashOf,
  manyNames,
  newRequest,
  newUser,
  nonceClaim,
  outcomeOf,
  rememberedGrant,
  resource,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

type Issue = Parameters<Storage['issueRemembered']>[0]

function issueFor(user: User, changes: Partial<Issue> = {}): Issue {
  const parties = { edition, userId: user.id, agent, delegate: null, resource }
  return { ...parties, scope: 'calendar.read', jkt: hashOf('jkt-of-the-issue'), tokenLifetime: 600, ...changes }
}

export function rememberedIssueContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: issues under remembered grants`, makeStorage, (world) => {
    test('a remembered grant issues a token without a code, with an event, and counts as used', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      const outcome = await storage.issueRemembered(issueFor(user))
      expect(outcome).toMatchObject({
        outcome: 'issued',
        grant: { id: grantId, scope: 'calendar.read calendar.write' },
        user: { id: user.id },
        issue: { scope: 'calendar.read', issuedAt: start, expiresAt: start + 600 },
      })
      const jti = outcome.outcome === 'issued' ? outcome.issue.jti : ''
      expect(jti).toMatch(new RegExp(`^${grantId}\\.[\\w-]{22}$`))
      expect(await storage.listEvents({ event: 'token.issued_by_grant' })).toMatchObject([
        { userId: user.id, agent, resource, grantId, data: { scope: 'calendar.read', jti } },
      ])
      expect(await storage.findGrant(grantId)).toMatchObject({ lastUsedAt: start })
      expect(await storage.listGrantUsage({ userId: user.id })).toMatchObject([{ grantId, refreshes: 1 }])
      expect(await storage.findViolations()).toEqual([])
    })

    test('only the same edition, user, agent, delegate and resource are issued a token, for a scope that the grant covers', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage, { delegate: 'laptop' })
      const other = await newUser(storage)
      const good = issueFor(user, { delegate: 'laptop' })
      expect(outcomeOf(await storage.issueRemembered(good))).toBe('issued')
      const wrong: readonly Partial<Issue>[] = [
        { edition: 'other' },
        { userId: other.id },
        { userId: 'nobody' },
        { agent: 'https://other.example' },
        { delegate: null },
        { delegate: 'phone' },
        { resource: 'https://other.example' },
        { account: 'work' },
        { scope: 'calendar.read calendar.delete' },
        { scope: '' },
      ]
      for (const change of wrong)
        expect(outcomeOf(await storage.issueRemembered({ ...good, ...change })), JSON.stringify(change)).toBe(
          'not_covered',
        )
      expect(await storage.listEvents({ event: 'token.issued_by_grant' })).toHaveLength(1)
    })

    test('a grant for an account at the resource covers that account only, and is extended only by decisions for it', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const allow = (account: string | null, changes: object = {}, decided: object = {}) =>
        rememberedGrant(storage, changes, { account, ...decided }, user)
      const [work, home, plain] = [await allow('work'), await allow('home'), await allow(null, { scope: 'other' })]
      expect(new Set([work, home, plain].map(({ grantId }) => grantId)).size).toBe(3)
      const issue = (account: string | null, changes: object = {}) =>
        storage.issueRemembered(issueFor(user, { account, ...changes }))
      expect(await issue('work')).toMatchObject({ grant: { id: work.grantId, account: 'work' } })
      expect(await issue('home')).toMatchObject({ grant: { id: home.grantId, account: 'home' } })
      for (const account of ['', 'Work', 'other', null]) expect(outcomeOf(await issue(account))).toBe('not_covered')
      expect(await issue(null, { scope: 'other' })).toMatchObject({ grant: { id: plain.grantId, account: null } })
      const more = await allow('work', { scope: 'calendar.delete' })
      expect(more.grantId).toBe(work.grantId)
      expect(outcomeOf(await issue('work', { scope: 'calendar.read calendar.delete' }))).toBe('issued')
      expect(outcomeOf(await issue('home', { scope: 'calendar.delete' }))).toBe('not_covered')
      expect(await storage.listGrants({ userId: user.id, live: true })).toMatchObject([
        { account: null, remembered: true },
        { account: 'home', remembered: true },
        { account: 'work', remembered: true },
      ])
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      for (const { account, grantId } of [
        { account: 'work', ...work },
        { account: null, ...plain },
      ])
        expect(await storage.findRememberedGrant({ ...parties, account })).toMatchObject({ id: grantId })
      await storage.revokeGrant({ grantId: work.grantId, by: user.id })
      expect(outcomeOf(await issue('work'))).toBe('not_covered')
      expect(outcomeOf(await issue('home'))).toBe('issued')
      expect(await storage.findViolations()).toEqual([])
    })

    test('a grant for an account that has expired is followed by a new one, and one that is full is replaced', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const work = { account: 'work', grantLifetime: 900 }
      const first = await rememberedGrant(storage, { scope: manyNames('old', 200) }, work, user)
      world.now += 899
      await rememberedGrant(storage, { scope: 'calendar.read' }, work, user)
      const tracked = issueFor(user, { account: 'work', isTracked: true })
      expect(await storage.issueRemembered(tracked)).toMatchObject({ grant: { id: first.grantId } })
      world.now += 1
      const full = await rememberedGrant(storage, { scope: manyNames('new', 100) }, work, user)
      expect(full.grantId).not.toBe(first.grantId)
      expect(await storage.findGrant(first.grantId)).toMatchObject({ revokedBy: 'replaced' })
      expect(await storage.issueRemembered(tracked)).toMatchObject({ grant: { id: full.grantId } })
      const home = await rememberedGrant(storage, {}, { account: 'home' }, user)
      const claim = () => storage.claimDeliveries({ edition, limit: 10, lease: 60 })
      await storage.revokeGrant({ grantId: home.grantId, by: user.id })
      expect(await claim()).toEqual([])
      await storage.revokeGrant({ grantId: first.grantId, by: user.id })
      expect(await claim()).toHaveLength(2)
      expect(await storage.listDeliveries({ userId: user.id })).toMatchObject([
        { account: 'work' },
        { account: 'work' },
      ])
      const again = await rememberedGrant(storage, {}, work, user)
      world.now += 900
      const last = await rememberedGrant(storage, {}, work, user)
      expect(last.grantId).not.toBe(again.grantId)
      expect(await storage.findViolations()).toEqual([])
    })

    test('parallel decisions for one account make one remembered grant', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const made = await Promise.all(times(5, () => rememberedGrant(storage, {}, { account: 'work' }, user)))
      expect(new Set(made.map(({ grantId }) => grantId)).size).toBe(1)
    })

    test('an open request is allowed without a page only under a grant for its account', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, {}, { account: 'work' })
      const permission = async (account: string | null) => {
        const request = newRequest()
        await storage.createAuthRequest(request)
        const { tokenHash } = request
        const by = { ...asRead(user), browserHash: freshHash(), state: null }
        return outcomeOf(await storage.allowRemembered({ tokenHash, ...by, grantId, account }))
      }
      expect(await permission(null)).toBe('not_covered')
      expect(await permission('home')).toBe('not_covered')
      expect(await permission('work')).toBe('allowed')
    })

    test('a grant that is not remembered, was revoked or has expired issues nothing', async () => {
      const { storage } = world
      const { user: once } = await rememberedGrant(storage, {}, { remembered: false })
      expect(outcomeOf(await storage.issueRemembered(issueFor(once)))).toBe('not_covered')
      const { user, grantId } = await rememberedGrant(storage, {}, { grantLifetime: 900 })
      world.now = start + 500
      expect(await storage.issueRemembered(issueFor(user))).toMatchObject({ issue: { expiresAt: start + 900 } })
      world.now = start + 900
      expect(outcomeOf(await storage.issueRemembered(issueFor(user)))).toBe('not_covered')
      world.now = start
      await storage.revokeGrant({ grantId, by: user.id })
      expect(outcomeOf(await storage.issueRemembered(issueFor(user)))).toBe('not_covered')
    })

    test('a permission that has expired is not issued under a longer grant', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage, { scope: 'a' }, { grantLifetime: 900 })
      await rememberedGrant(storage, { scope: 'b' }, {}, user)
      world.now = start + 900
      expect(outcomeOf(await storage.issueRemembered(issueFor(user, { scope: 'a b' })))).toBe('not_covered')
      expect(await storage.issueRemembered(issueFor(user, { scope: 'b' }))).toMatchObject({ issue: { scope: 'b' } })
    })

    test('a token never outlives notAfter, and none is issued after it', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage)
      const until = (notAfter: number) => storage.issueRemembered(issueFor(user, { notAfter }))
      expect(await until(start + 30)).toMatchObject({ issue: { expiresAt: start + 30 } })
      expect(outcomeOf(await until(start))).toBe('expired')
      const { redemption } = await rememberedGrant(storage, {}, {}, user)
      expect(outcomeOf(await storage.redeemCode({ ...redemption, notAfter: start }))).toBe('expired')
      const redeemed = await storage.redeemCode({ ...redemption, notAfter: start + 20 })
      expect(redeemed).toMatchObject({ issue: { expiresAt: start + 20 } })
    })

    test('a disabled user’s grant and a blocked agent’s issue nothing', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage)
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      await expect(storage.issueRemembered(issueFor(user))).rejects.toMatchObject({ code: 'agent_blocked' })
      const unknown = issueFor(user, { resource: 'https://other.example' })
      await expect(storage.issueRemembered(unknown)).rejects.toMatchObject({ code: 'agent_blocked' })
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      await storage.setUserStatus(user.id, 'disabled')
      expect(outcomeOf(await storage.issueRemembered(issueFor(user)))).toBe('user_disabled')
    })

    test('the nonce is claimed with the issue: a replayed request is issued nothing', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage)
      const issue = issueFor(user, { nonce: nonceClaim() })
      expect(outcomeOf(await storage.issueRemembered(issue))).toBe('issued')
      await expect(storage.issueRemembered(issue)).rejects.toMatchObject({ code: 'nonce_used' })
      const refused = issueFor(user, { nonce: nonceClaim(), scope: 'other' })
      expect(outcomeOf(await storage.issueRemembered(refused))).toBe('not_covered')
      await expect(storage.issueRemembered(refused)).rejects.toMatchObject({ code: 'nonce_used' })
      expect(await storage.listEvents({ event: 'token.issued_by_grant' })).toHaveLength(1)
    })

    test('of parallel issues and one revocation, those after the revocation are refused, and no token outlives it', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage)
      const issues = times(8, () => storage.issueRemembered(issueFor(user)))
      const revoked = storage.revokeGrant({ grantId, by: user.id })
      const outcomes = (await Promise.all(issues)).map(outcomeOf)
      expect(await revoked).toBe(true)
      expect(outcomes.every((outcome) => outcome === 'issued' || outcome === 'not_covered')).toBe(true)
      expect(outcomeOf(await storage.issueRemembered(issueFor(user)))).toBe('not_covered')
      expect(await storage.findViolations()).toEqual([])
    })

    test('an issue in parallel with a wider decision uses the grant or its successor', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage, { scope: 'a' })
      for (const handleHash of times(5, freshHash)) {
        const [issued, wider] = await Promise.all([
          storage.issueRemembered(issueFor(user, { scope: 'a' })),
          rememberedGrant(storage, { scope: 'a b' }, { handle: { handleHash, handleLifetime: 60 } }, user),
        ])
        expect(outcomeOf(issued)).toBe('issued')
        expect(await grantOf(storage, wider)).toBe(wider.grantId)
      }
    })
  })
}
