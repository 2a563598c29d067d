import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  edition,
  hashOf,
  newUser,
  outcomeOf,
  readNow,
  rememberedGrant,
  resource,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const files = 'https://files.example'

type Allowed = Parameters<typeof allowedRequest>[1]

/** Has a user allow a request, and redeems its code for a tracked token that expires after an hour. */
async function tracked(storage: Storage, user: User, changes: Allowed = {}, decided = { remembered: true }) {
  const { redemption } = await allowedRequest(storage, changes, decided, user)
  const outcome = await storage.redeemCode({ ...redemption, tokenLifetime: 3600, isTracked: true })
  if (outcome.outcome !== 'redeemed') throw new Error(`expected redeemed, got ${outcome.reason}`)
  return { jti: outcome.issue.jti, grantId: outcome.grant.id }
}

export function deliveryContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: revocations of single tokens`, makeStorage, (world) => {
    const claim = (changes: { limit?: number; edition?: string } = {}) =>
      world.storage.claimDeliveries({ edition, limit: 10, lease: 60, ...changes })
    const claimedTokens = async () => (await claim()).map(({ jti }) => jti).toSorted()
    const outcomes = async (userId: string) =>
      (await world.storage.listDeliveries({ userId })).map(({ outcome, attempts }) => [outcome, attempts])

    test('a tracked token is found by its jti, with its parties, and others are not', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { jti, grantId } = await tracked(storage, user, { delegate: 'bot' })
      expect(await storage.findIssue(jti)).toEqual({
        grantId,
        edition,
        userId: user.id,
        agent,
        delegate: 'bot',
        resource,
        scope: 'calendar.read calendar.write',
        issuedAt: start,
        expiresAt: start + 3600,
        revokedAt: null,
      })
      const { redemption } = await allowedRequest(storage, {}, {}, user)
      const plain = await storage.redeemCode(redemption)
      expect(jti).toMatch(/^[\w-]{22}$/)
      const wrong = [
        plain.outcome === 'redeemed' ? plain.issue.jti : '',
        plain.outcome === 'redeemed' ? plain.issue.jti.slice(-22) : '',
        `${jti}.x`,
        `${jti}=`,
        `x.${jti}`,
        `${grantId}.${jti}`,
        '',
        '.',
      ]
      for (const each of wrong) expect(await storage.findIssue(each), each).toBeUndefined()
    })

    test('removing a grant revokes its unexpired tracked tokens, and only them', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      const issue = { ...parties, scope: 'calendar.read', jkt: hashOf('jkt'), tokenLifetime: 3600, isTracked: true }
      const { jti: expired } = await tracked(storage, user)
      world.now = start + 3600
      const { jti, grantId } = await tracked(storage, user)
      const remembered = await storage.issueRemembered(issue)
      const other = remembered.outcome === 'issued' ? remembered.issue.jti : ''
      await storage.issueRemembered({ ...issue, isTracked: false })
      const { jti: kept } = await tracked(storage, user, { resource: files })
      world.now += 10
      expect(await claim()).toEqual([])
      await storage.revokeGrant({ grantId, by: user.id })
      for (const each of [jti, other]) expect(await storage.findIssue(each)).toMatchObject({ revokedAt: world.now })
      for (const each of [expired, kept]) expect(await storage.findIssue(each)).toMatchObject({ revokedAt: null })
      const claimed = await claim()
      expect(claimed.map((each) => each.jti).toSorted()).toEqual([jti, other].toSorted())
      expect(claimed[0]).toMatchObject({ attempt: 1, resource, expiresAt: start + 7200 })
      expect(await storage.findViolations()).toEqual([])
    })

    test('tokens of a replaced grant are revoked with its successor, not before', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const before = await tracked(storage, user, { scope: 'a' })
      const after = await tracked(storage, user, { scope: 'a b' })
      const once = await tracked(storage, user, { scope: 'a' }, { remembered: false })
      expect(await claim()).toEqual([])
      await storage.revokeGrant({ grantId: once.grantId, by: user.id })
      expect(await claimedTokens()).toEqual([once.jti])
      await storage.revokeGrant({ grantId: after.grantId, by: user.id })
      expect(await claimedTokens()).toEqual([before.jti, after.jti].toSorted())
    })

    test('closing or disabling an account, removing an agent’s binding, and blocking an agent revoke tokens too', async () => {
      const { storage } = world
      const [closed, disabled, unbound] = [await newUser(storage), await newUser(storage), await newUser(storage)]
      const blocked = 'https://blocked.example'
      const tokens = [await tracked(storage, closed), await tracked(storage, disabled)]
      tokens.push(await tracked(storage, unbound, { delegate: 'bot', bindsAgent: true }))
      await storage.closeAccount(await readNow(storage, closed.id))
      await storage.setUserStatus(disabled.id, 'disabled')
      await storage.removeBinding({ edition, agent, delegate: 'bot', userId: unbound.id, by: unbound.id })
      for (const user of [await newUser(storage), await newUser(storage)])
        tokens.push(await tracked(storage, user, { agent: blocked }))
      await storage.setAgentBlocked({ agent: blocked, blocked: true, by: 'operator' })
      expect(await claimedTokens()).toEqual(tokens.map(({ jti }) => jti).toSorted())
      await tracked(storage, await newUser(storage))
      for (const isBlocked of [false, true, false])
        await storage.setAgentBlocked({ agent: blocked, blocked: isBlocked, by: 'operator' })
      expect(await claim()).toEqual([])
    })

    test('a claimed delivery is claimed by no one else until its lease ends, as after a kill', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { grantId } = await tracked(storage, user, { delegate: 'bot' })
      await storage.revokeGrant({ grantId, by: user.id })
      expect(await claim({ edition: 'other' })).toEqual([])
      const claims = (await Promise.all(times(5, () => claim()))).flat()
      expect(claims).toMatchObject([{ attempt: 1 }])
      world.now += 59
      expect(await claim()).toEqual([])
      world.now += 1
      const [again] = await claim()
      expect(again).toMatchObject({ attempt: 2 })
      const id = again?.id ?? ''
      expect(await storage.settleDelivery({ id, attempt: 1, outcome: 'failed' })).toBe(false)
      expect(await storage.settleDelivery({ id, attempt: 2, outcome: 'delivered' })).toBe(true)
      expect(await storage.settleDelivery({ id, attempt: 2, outcome: 'failed' })).toBe(false)
      expect(await storage.settleDelivery({ id: 'x', attempt: 2, outcome: 'failed' })).toBe(false)
      world.now += day
      expect(await claim()).toEqual([])
      expect(await storage.listDeliveries({ userId: user.id })).toEqual([
        {
          edition,
          agent,
          delegate: 'bot',
          resource,
          account: null,
          revokedAt: start,
          expiresAt: start + 3600,
          attempts: 2,
          outcome: 'delivered',
          settledAt: start + 60,
        },
      ])
      const data = { edition, delegate: 'bot', attempts: 2 }
      expect((await storage.listEvents({ event: 'revocation.delivered' })).map((event) => event.data)).toEqual([data])
    })

    test('due deliveries are listed in pages with their users and resources, and claimed by id', async () => {
      const { storage } = world
      const users = [await newUser(storage), await newUser(storage)]
      const find = (after?: { id: string; dueAt: number }, limit = 2) =>
        storage.findDueDeliveries({ edition, after, limit })
      for (const [at, user] of [...users, ...users].entries()) {
        const { grantId } = await tracked(storage, user, { resource: at % 3 === 0 ? resource : files })
        world.now = start + (at < 3 ? 0 : 1)
        await storage.revokeGrant({ grantId, by: user.id })
      }
      expect(await storage.findDueDeliveries({ edition: 'other', limit: 9 })).toEqual([])
      const first = await find()
      const second = await find(first[1])
      expect(await find(second[1])).toEqual([])
      const all = [...first, ...second]
      expect(all.map(({ userId }) => userId)).toEqual([...users, ...users].map(({ id }) => id))
      expect(all.map((each) => each.resource)).toEqual([resource, files, files, resource])
      expect(all.map(({ dueAt }) => dueAt - start)).toEqual([0, 0, 0, 1])
      const ids = [all[2]?.id ?? '', all[3]?.id ?? '', 'x', '0']
      const claimed = await storage.claimDeliveries({ edition, ids, limit: 9, lease: 60 })
      expect(claimed.map(({ id }) => id)).toEqual(ids.slice(0, 2))
      expect(await storage.claimDeliveries({ edition, ids, limit: 9, lease: 60 })).toEqual([])
      expect(await find(undefined, 9)).toEqual(first)
      world.now += 60
      expect(await find(undefined, 9)).toHaveLength(4)
    })

    test('a revocation is sent three times over ten minutes, and has failed after that', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { grantId } = await tracked(storage, user)
      await storage.revokeGrant({ grantId, by: user.id })
      const attempts: number[] = []
      for (; world.now <= start + 3000; world.now += 60)
        for (const { id, attempt } of await claim()) {
          attempts.push(world.now - start)
          await storage.settleDelivery({ id, attempt, outcome: 'failed' })
        }
      expect(attempts).toEqual([0, 120, 600])
      expect(await outcomes(user.id)).toEqual([['failed', 3]])
    })

    test('if every process that sends it is killed, a revocation fails after three claims', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { grantId } = await tracked(storage, user)
      await storage.revokeGrant({ grantId, by: user.id })
      const claims: number[] = []
      for (; world.now < start + 600; world.now += 60) claims.push((await claim()).length)
      expect(claims).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
      expect(await outcomes(user.id)).toEqual([['failed', 3]])
    })

    test('nothing is sent to a resource that accepts no revocations again, or once the token has expired', async () => {
      const { storage } = world
      const user = await newUser(storage)
      for (const of of [resource, files]) {
        const { grantId } = await tracked(storage, user, { resource: of })
        await storage.revokeGrant({ grantId, by: user.id })
      }
      const [first] = await claim({ limit: 1 })
      await storage.settleDelivery({ id: first?.id ?? '', attempt: 1, outcome: 'unsupported' })
      world.now = start + 3600
      expect(await claim()).toEqual([])
      expect(await outcomes(user.id)).toEqual([
        ['expired', 0],
        ['unsupported', 1],
      ])
      expect(await storage.listDeliveries({ userId: user.id, limit: 1 })).toHaveLength(1)
      expect(await outcomes((await newUser(storage)).id)).toEqual([])
      const event = { event: 'revocation.undelivered', agent, resource, grantId: expect.any(String) }
      const data = { edition, attempts: 1, reason: 'unsupported' }
      expect(await storage.listEvents({ event: event.event })).toEqual([
        { ...event, id: expect.any(String), at: start, data },
      ])
    })

    test('deliveries are deleted with their tokens', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { jti, grantId } = await tracked(storage, user)
      await storage.revokeGrant({ grantId, by: user.id })
      world.now = start + 3600 + 30 * day
      await storage.sweep()
      expect(await storage.findIssue(jti)).toBeUndefined()
      expect(await outcomes(user.id)).toEqual([])
    })

    test('a token that is issued in parallel with the removal of its grant is either refused or revoked', async () => {
      const { storage } = world
      for (let round = 0; round < 5; round += 1) {
        const { user, grantId } = await rememberedGrant(storage)
        const parties = { edition, userId: user.id, agent, delegate: null, resource }
        const issue = { ...parties, scope: 'calendar.read', jkt: hashOf('jkt'), tokenLifetime: 60, isTracked: true }
        const [issued] = await Promise.all([
          storage.issueRemembered(issue),
          storage.revokeGrant({ grantId, by: user.id }),
        ])
        if (issued.outcome === 'issued')
          expect(await storage.findIssue(issued.issue.jti)).toMatchObject({ revokedAt: expect.any(Number) })
        else expect(outcomeOf(issued)).toBe('not_covered')
      }
      expect(await storage.findViolations()).toEqual([])
    })
  })
}
