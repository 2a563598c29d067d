import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  edition,
  freshHash,
  grantOf,
  hashOf,
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
        { scope: 'calendar.read calendar.delete' },
        { scope: '' },
      ]
      for (const change of wrong)
        expect(outcomeOf(await storage.issueRemembered({ ...good, ...change })), JSON.stringify(change)).toBe(
          'not_covered',
        )
      expect(await storage.listEvents({ event: 'token.issued_by_grant' })).toHaveLength(1)
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
