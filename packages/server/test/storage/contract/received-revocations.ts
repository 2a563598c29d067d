import type { User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  boundRequest,
  edition,
  freshHash,
  hashOf,
  newRequest,
  newUser,
  nonceClaim,
  outcomeOf,
  resource,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const files = 'https://files.example'
const issuer = 'https://provider.example'
const agentToken = (jti: string) => ({ jti, expiresAt: start + 3600 })

export function receivedRevocationContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: revocations by other issuers`, makeStorage, (world) => {
    const revoke = (jti: string, of = agent, changes: { edition?: string } = {}) =>
      world.storage.recordRevocation({ edition, issuer: of, jti, expiresAt: world.now + 3600, most: 100, ...changes })
    const claim = () => world.storage.claimDeliveries({ edition, limit: 10, lease: 60 })

    /** Has a user allow a request, and redeems its code for a tracked token that expires after an hour. */
    async function issued(jti: string, user: User, changes: Parameters<typeof newRequest>[0] = {}) {
      const { storage } = world
      const { redemption } = await allowedRequest(storage, { delegate: 'bot', ...changes }, { remembered: true }, user)
      const tracked = { ...redemption, tokenLifetime: 3600, isTracked: true, agentToken: agentToken(jti) }
      const outcome = await storage.redeemCode(tracked)
      if (outcome.outcome !== 'redeemed') throw new Error(`expected redeemed, got ${outcome.reason}`)
      return { jti: outcome.issue.jti, grantId: outcome.grant.id }
    }

    const remembered = (user: User, jti?: string) => ({
      edition,
      userId: user.id,
      agent,
      delegate: 'bot',
      resource,
      scope: 'calendar.read',
      jkt: hashOf('jkt'),
      tokenLifetime: 3600,
      isTracked: true,
      agentToken: jti === undefined ? undefined : agentToken(jti),
    })

    test('that of an agent’s token revokes all tokens of that agent, and keeps its grants', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const tokens = [await issued('one', user), await issued('two', user, { resource: files })]
      const without = await storage.issueRemembered(remembered(user))
      if (without.outcome !== 'issued') throw new Error(without.reason)
      const other = await issued('three', user, { delegate: 'other' })
      const { jti: foreign } = await issued('one', user, { agent: files })
      world.now += 10
      expect(await revoke('one', agent, { edition: 'other' })).toBe(true)
      expect(await claim()).toEqual([])
      expect(await revoke('one')).toBe(true)
      const revoked = [...tokens, without.issue].map(({ jti }) => jti)
      for (const jti of revoked) expect(await storage.findIssue(jti)).toMatchObject({ revokedAt: world.now })
      for (const jti of [other.jti, foreign]) expect(await storage.findIssue(jti)).toMatchObject({ revokedAt: null })
      expect((await claim()).map(({ jti }) => jti).toSorted()).toEqual(revoked.toSorted())
      for (const { grantId } of tokens) expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
      expect(await storage.listEvents({ event: 'agent.tokens_revoked' })).toMatchObject([
        { agent, data: { by: agent, edition, delegate: 'bot', count: 3 } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('that of a token with which an agent only polled ends the request, and a revoked one cannot poll', async () => {
      const { storage } = world
      const pollHash = freshHash()
      await storage.createAuthRequest(newRequest({ delegate: 'bot', pollHash, agentToken: agentToken('first') }))
      const poll = { pollHash, agent, delegate: 'bot' }
      for (const jti of ['first', 'second', 'second'])
        await storage.recordPoll({ ...poll, agentToken: agentToken(jti) })
      expect(await revoke('second')).toBe(true)
      expect(await storage.findPolledRequest(pollHash)).toMatchObject({ status: 'revoked' })
      const again = storage.recordPoll({ ...poll, agentToken: agentToken('second') })
      await expect(again).rejects.toMatchObject({ code: 'token_revoked' })
      const open = newRequest({ delegate: 'bot', pollHash: freshHash() })
      await storage.createAuthRequest(open)
      // Nothing depends on a request that does not exist.
      await storage.recordPoll({ ...poll, pollHash: freshHash(), agentToken: agentToken('third') })
      expect(await revoke('third')).toBe(true)
      expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'open' })
      expect(await storage.findViolations()).toEqual([])
    })

    test('a revoked token obtains nothing more, and another one of the same agent does', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { grantId } = await issued('one', user)
      const { redemption } = await allowedRequest(storage, { delegate: 'bot' }, {}, user)
      await revoke('one')
      const refused = { code: 'token_revoked' }
      await expect(storage.issueRemembered(remembered(user, 'one'))).rejects.toMatchObject(refused)
      await expect(storage.redeemCode({ ...redemption, agentToken: agentToken('one') })).rejects.toMatchObject(refused)
      await expect(storage.createAuthRequest(newRequest({ agentToken: agentToken('one') }))).rejects.toMatchObject(
        refused,
      )
      expect(outcomeOf(await storage.issueRemembered(remembered(user, 'two')))).toBe('issued')
      expect(outcomeOf(await storage.redeemCode({ ...redemption, agentToken: agentToken('two') }))).toBe('redeemed')
      await storage.revokeGrant({ grantId, by: user.id })
      expect(await storage.findViolations()).toEqual([])
    })

    test.each(['agent', 'resource'] as const)(
      'that of the %s’s token ends the requests that depend on it',
      async (by) => {
        const { storage } = world
        const user = await newUser(storage)
        const pollHash = freshHash()
        const dependent = { agentToken: agentToken('token'), resourceTokenId: 'token', delegate: 'bot' }
        const opened = await boundRequest(storage, { ...dependent, pollHash }, user)
        const allowed = await allowedRequest(storage, dependent, {}, user)
        const delivered = await allowedRequest(storage, dependent, {}, user)
        expect(outcomeOf(await storage.redeemCode(delivered.redemption))).toBe('redeemed')
        const denied = await boundRequest(storage, dependent, user)
        await storage.decideRequest({ ...denied.decision, decision: 'deny' })
        const expired = newRequest({ ...dependent, lifetime: 0 })
        await storage.createAuthRequest(expired)
        const others = [
          newRequest({ agentToken: agentToken('other'), resourceTokenId: 'other' }),
          newRequest({ agent: files, resource: files, agentToken: agentToken('token'), resourceTokenId: 'token' }),
          newRequest(),
        ]
        for (const other of others) await storage.createAuthRequest(other)
        expect(await revoke('token', by === 'agent' ? agent : resource)).toBe(true)
        const statuses = [opened, allowed, delivered, denied, expired, ...others].map(
          async ({ tokenHash }) => (await storage.findAuthRequest(tokenHash))?.status,
        )
        expect(await Promise.all(statuses)).toEqual([
          'revoked',
          'revoked',
          'allowed',
          'denied',
          'expired',
          ...others.map(() => 'open'),
        ])
        expect((await storage.findPolledStates([pollHash])).get(pollHash)).toMatchObject({ status: 'revoked' })
        expect(outcomeOf(await storage.decideRequest(opened.decision))).toBe('not_open')
        expect(outcomeOf(await storage.redeemCode(allowed.redemption))).toBe('used')
        const events = await storage.listEvents({ event: 'request.revoked' })
        expect(events).toHaveLength(2)
        const data = { by: by === 'agent' ? agent : resource, delegate: 'bot' }
        for (const event of events) expect(event).toMatchObject({ agent, resource, userId: user.id, data })
        expect(new Set(events.map(({ requestId }) => requestId)).size).toBe(2)
        expect(await storage.findViolations()).toEqual([])
      },
    )

    test('a request for which a revoked resource token asks is refused', async () => {
      await revoke('token', resource)
      const asked = newRequest({ resourceTokenId: 'token' })
      await expect(world.storage.createAuthRequest(asked)).rejects.toMatchObject({ code: 'token_revoked' })
      expect(await world.storage.findAuthRequest(asked.tokenHash)).toBeUndefined()
    })

    test('a repeated one sends what could not be delivered again, and nothing else', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const failed = await issued('one', user)
      await issued('one', user, { resource: files })
      await revoke('one')
      for (let round = 0; round < 3; round += 1, world.now += 600)
        for (const { id, attempt, resource: of } of await claim())
          await storage.settleDelivery({ id, attempt, outcome: of === files ? 'unsupported' : 'failed' })
      expect(await claim()).toEqual([])
      await revoke('one')
      expect(await claim()).toMatchObject([{ jti: failed.jti, attempt: 1 }])
    })

    test('what is obtained in parallel with it is either refused or revoked', async () => {
      const { storage } = world
      for (let round = 0; round < 8; round += 1) {
        const user = await newUser(storage)
        const jti = `token-${round}`
        const bound = { delegate: 'bot', agentToken: agentToken(jti) }
        await issued(jti, user)
        const { redemption } = await allowedRequest(storage, { delegate: 'bot' }, {}, user)
        const open = await boundRequest(storage, bound, user)
        const asked = newRequest(bound)
        const [remember, redeem, decide, create] = await Promise.allSettled([
          storage.issueRemembered(remembered(user, jti)),
          storage.redeemCode({ ...redemption, isTracked: true, agentToken: agentToken(jti) }),
          storage.decideRequest(open.decision),
          storage.createAuthRequest(asked),
          revoke(jti),
        ])
        for (const each of [remember, redeem])
          if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'token_revoked' })
          else if (each.value.outcome === 'refused') throw new Error(each.value.reason)
          else expect(await storage.findIssue(each.value.issue.jti)).toMatchObject({ revokedAt: expect.any(Number) })
        if (decide.status === 'rejected') throw decide.reason
        expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'revoked' })
        if (create.status === 'rejected') expect(create.reason).toMatchObject({ code: 'token_revoked' })
        else expect(await storage.findAuthRequest(asked.tokenHash)).toMatchObject({ status: 'revoked' })
      }
      expect(await storage.findViolations()).toEqual([])
    })

    test('agents’ tokens are forgotten once they have expired everywhere, and what depends on them with the requests', async () => {
      const { storage } = world
      await storage.createAuthRequest(newRequest({ agentToken: agentToken('one'), lifetime: 1 }))
      const later = { jti: 'one', expiresAt: start + day }
      await storage.createAuthRequest(newRequest({ agent: files, agentToken: later, lifetime: 1 }))
      world.now = start + 3659
      expect(await storage.sweep()).toBe(0)
      world.now = start + 3660
      expect(await storage.sweep()).toBe(1)
      world.now = start + day + 1
      expect(await storage.sweep()).toBe(2)
      world.now = start + day + 60
      expect(await storage.sweep()).toBe(1)
    })

    test('another issuer’s revocation is recorded once, for its own tokens only, until they have expired everywhere', async () => {
      const { storage } = world
      const record = (jti: string, of = issuer, expiresAt = start + 100) =>
        storage.recordRevocation({ edition, issuer: of, jti, expiresAt, most: 2 })
      expect(await record('one')).toBe(true)
      expect(await record('one')).toBe(true)
      expect(await storage.isRevoked({ issuer, jti: 'one' })).toBe(true)
      expect(await storage.isRevoked({ issuer, jti: 'two' })).toBe(false)
      expect(await storage.isRevoked({ issuer: files, jti: 'one' })).toBe(false)
      expect(await record('one', files, start + 101)).toBe(true)
      world.now = start + 159
      await storage.sweep()
      expect(await storage.isRevoked({ issuer, jti: 'one' })).toBe(true)
      world.now = start + 160
      expect(await storage.sweep()).toBe(1)
      expect(await storage.isRevoked({ issuer, jti: 'one' })).toBe(false)
      expect(await storage.isRevoked({ issuer: files, jti: 'one' })).toBe(true)
    })

    test('of parallel revocations by an issuer, only as many as allowed are recorded, and no other issuer is affected', async () => {
      const { storage } = world
      const record = (jti: string, of = issuer) =>
        storage.recordRevocation({ edition, issuer: of, jti, expiresAt: start + 100, most: 3 })
      const recorded = await Promise.all(times(6, (index) => record(`token-${index}`)))
      expect(recorded.filter(Boolean)).toHaveLength(3)
      expect(await record('token-0', files)).toBe(true)
    })

    test('the nonce of a revocation is claimed with it', async () => {
      const { storage } = world
      const revocation = { edition, issuer, jti: 'one', expiresAt: start + 100, most: 3, nonce: nonceClaim() }
      expect(await storage.recordRevocation(revocation)).toBe(true)
      await expect(storage.recordRevocation(revocation)).rejects.toMatchObject({ code: 'nonce_used' })
    })
  })
}
