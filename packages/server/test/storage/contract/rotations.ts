import { randomUUID } from 'node:crypto'
import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  eventNames,
  freshHash,
  hashOf,
  newUser,
  outcomeOf,
  type RotatingGrant,
  readNow,
  refreshable,
  replaceGrant,
  resource,
  rotating,
  subOf,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

type Presented = ReturnType<RotatingGrant['present']>

export function rotationContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: families of refresh tokens`, makeStorage, (world) => {
    /** Presents a token, and returns the outcome with the current generation. */
    async function presented(rotation: Presented): Promise<string> {
      const result = await world.storage.rotateRefresh(rotation)
      return result.outcome === 'refused' ? result.reason : `${result.outcome} ${result.generation}`
    }

    async function prepared(rotation: Presented) {
      const found = await world.storage.prepareRotation(rotation)
      if (!found || found === 'reused') throw new Error('the rotation would be refused')
      return found
    }

    const families = async (since = start) =>
      (await world.storage.listRevocations({ since, perUser: 20, limit: 100, families: true })).families

    test('a rotation returns the grant, the user and an issue under the family, and writes no audit row', async () => {
      const { storage } = world
      const { present, grantId, family, user, jti } = await rotating(storage, { delegate: 'laptop' })
      expect(jti.split('.')).toEqual([grantId, family, expect.stringMatching(/^[\w-]{22}$/)])
      const before = await eventNames(storage)
      world.now += 700
      const result = await storage.rotateRefresh(present(0))
      if (result.outcome === 'refused') throw new Error(result.reason)
      expect(result).toMatchObject({ outcome: 'rotated', generation: 1, user })
      expect(result.grant).toMatchObject({ id: grantId, agent, delegate: 'laptop', resource })
      expect(result.issue).toMatchObject({
        scope: 'calendar.read calendar.write',
        issuedAt: start + 700,
        expiresAt: start + 1300,
      })
      expect(result.issue.jti.split('.')).toEqual([grantId, family, expect.stringMatching(/^[\w-]{22}$/)])
      expect(result.issue.jti).not.toBe(jti)
      expect(await storage.findGrant(grantId)).toMatchObject({ lastUsedAt: start + 700 })
      expect(await eventNames(storage)).toEqual(before)
      expect(await storage.findViolations()).toEqual([])
    })

    test('a token presented for another resource is neither rotated nor revoked', async () => {
      const { storage } = world
      const { present } = await rotating(storage)
      expect(await presented(present(0, { isResource: (each) => each !== resource }))).toBe('other_resource')
      expect(await presented(present(0, { isResource: (each) => each === resource }))).toBe('rotated 1')
      expect(await storage.listEvents({ event: 'refresh.reused' })).toEqual([])
    })

    test('a family ends with its own decision, even if the user later allows the same for longer', async () => {
      const { storage } = world
      const { present, user } = await rotating(storage, {}, { remembered: true, grantLifetime: 2000 })
      await allowedRequest(storage, {}, { remembered: true, grantLifetime: null }, user)
      world.now = start + 1999
      expect(await presented(present(0))).toBe('rotated 1')
      world.now = start + 2000
      expect(await presented(present(1))).toBe('expired')
    })

    test('each generation works once it is current, and its use is counted', async () => {
      const { storage } = world
      const { present, grantId, user } = await rotating(storage)
      for (let generation = 0; generation < 5; generation++) {
        world.now += 1000
        expect(await presented(present(generation))).toBe(`rotated ${generation + 1}`)
      }
      const usage = await storage.listGrantUsage({ userId: user.id })
      expect(usage).toEqual([{ grantId, day: start - (start % day), refreshes: 5 }])
      expect(await storage.findViolations()).toEqual([])
    })

    test('a code issues no refresh token if the grant ends with the token', async () => {
      const { storage } = world
      const [{ redemption }, { present }] = [
        await allowedRequest(storage, {}, { grantLifetime: 600 }),
        await rotating(storage),
      ]
      const family = '0190a8c4-7d3e-4b21-9f00-00ff10203040'
      const refresh = { family, tokenHash: hashOf('first'), idleSeconds: day, lifetime: day }
      expect(await storage.redeemCode({ ...redemption, refresh })).toMatchObject({ refreshIssued: false })
      expect(await presented(present(0, { family, tokenHash: hashOf('first') }))).toBe('unknown')
    })

    test('the previous generation gets the same successor until the last second of the grace time', async () => {
      const { storage } = world
      const { present } = await rotating(storage)
      const first = await storage.rotateRefresh(present(0))
      for (const seconds of [0, 59, 60]) {
        world.now = start + seconds
        const again = await storage.rotateRefresh(present(0))
        if (again.outcome === 'refused' || first.outcome === 'refused') throw new Error('expected a new token')
        expect(again).toMatchObject({ outcome: 'repeated', generation: 1 })
        expect(again.issue.jti).not.toBe(first.issue.jti)
      }
      expect(await presented(present(1))).toBe('rotated 2')
    })

    test('the previous generation revokes the family one second after the grace time', async () => {
      const { present } = await rotating(world.storage)
      await presented(present(0))
      world.now = start + 61
      expect(await presented(present(0))).toBe('reused')
      expect(await presented(present(1))).toBe('revoked')
    })

    test('a clock that was set back lengthens the grace time by no more than its length', async () => {
      const { present } = await rotating(world.storage)
      await presented(present(0))
      world.now = start - 60
      expect(await presented(present(0))).toBe('repeated 1')
      world.now = start - 61
      expect(await presented(present(0))).toBe('reused')
    })

    test('the grace time is counted from the rotation, not from a repetition', async () => {
      const { present } = await rotating(world.storage)
      await presented(present(0))
      world.now = start + 50
      expect(await presented(present(0))).toBe('repeated 1')
      world.now = start + 100
      expect(await presented(present(0))).toBe('reused')
    })

    test('without a grace time, the previous generation still works within the second of its rotation', async () => {
      const { present } = await rotating(world.storage)
      await presented(present(0))
      expect(await presented(present(0, { grace: 0 }))).toBe('repeated 1')
      world.now += 1
      expect(await presented(present(0, { grace: 0 }))).toBe('reused')
    })

    test.each([0, 1])(
      'generation %i revokes the family once its successor was used, even within the grace time',
      async (old) => {
        const { present } = await rotating(world.storage)
        for (const generation of [0, 1, 2]) await presented(present(generation))
        expect(await presented(present(old))).toBe('reused')
        for (const generation of [0, 1, 2, 3]) expect(await presented(present(generation))).toBe('revoked')
      },
    )

    const chosen: [string, object][] = [
      ['another resource', { isResource: () => false }],
      ['none of its scopes', { scope: 'calendar.admin' }],
    ]
    test.each(chosen)('reuse is noticed for %s, too', async (_, changes) => {
      const { storage } = world
      const { present } = await rotating(storage)
      for (const generation of [0, 1]) await presented(present(generation))
      expect(await storage.prepareRotation(present(0, changes))).toBe('reused')
      expect(await presented(present(0, changes))).toBe('reused')
      expect(await presented(present(2))).toBe('revoked')
    })

    test('reuse is noticed while the agent is blocked or the user is disabled, too', async () => {
      const { storage } = world
      const [blocked, disabled] = [await rotating(storage), await rotating(storage)]
      for (const { present } of [blocked, disabled])
        for (const generation of [0, 1]) await presented(present(generation))
      await storage.setUserStatus(disabled.user.id, 'disabled')
      expect(await presented(disabled.present(2))).toBe('user_disabled')
      for (const reason of ['reused', 'user_disabled']) expect(await presented(disabled.present(0))).toBe(reason)
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      for (const reason of ['reused', 'agent_blocked']) expect(await presented(blocked.present(0))).toBe(reason)
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await presented(blocked.present(2))).toBe('revoked')
      expect(await storage.listEvents({ event: 'refresh.reused' })).toHaveLength(2)
    })

    test('reuse revokes this family only, with one audit row, and lists it', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const copied = await rotating(storage, {}, { remembered: true }, user)
      const other = await rotating(storage, { scope: 'calendar.read' }, { remembered: true }, user)
      const plain = await refreshable(storage, {}, { remembered: true }, user)
      for (const generation of [0, 1]) await presented(copied.present(generation))
      world.now += 5
      expect(await families()).toEqual([])
      for (let round = 0; round < 3; round++)
        expect(await presented(copied.present(0))).toBe(round === 0 ? 'reused' : 'revoked')
      expect(await families()).toEqual([copied.family])
      expect(await presented(other.present(0))).toBe('rotated 1')
      expect(outcomeOf(await storage.refreshGrant(plain.refresh))).toBe('refreshed')
      expect(await storage.findGrant(plain.grantId)).toMatchObject({ revokedAt: null })
      expect(await storage.listEvents({ event: 'refresh.reused' })).toMatchObject([
        {
          userId: user.id,
          agent,
          resource,
          grantId: plain.grantId,
          data: { generation: 0, current: 2, presentedBy: agent },
        },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    const foreign: [string, string, object][] = [
      ['another agent', 'foreign_agent', { agent: 'https://thief.example' }],
      ['another delegate', 'foreign_delegate', { delegate: 'tablet' }],
      ['the agent server itself', 'foreign_delegate', { delegate: null }],
    ]
    test.each(foreign)(
      'no generation presented by %s changes anything, apart from an audit row',
      async (_, reason, by) => {
        const { storage } = world
        const { present, user } = await rotating(storage, { delegate: 'laptop' })
        for (const generation of [0, 1]) await presented(present(generation))
        for (const generation of [0, 1, 2]) expect(await presented(present(generation, by))).toBe(reason)
        expect(await storage.listEvents({ event: `refresh.${reason}` })).toMatchObject(
          times(3, () => ({ userId: user.id, agent })),
        )
        expect(await families()).toEqual([])
        expect(await presented(present(1))).toBe('repeated 2')
        expect(await presented(present(2))).toBe('rotated 3')
      },
    )

    const narrowed: [string, string | undefined, string][] = [
      ['less', 'calendar.write', 'calendar.write'],
      ['all in another order', 'calendar.write calendar.read', 'calendar.read calendar.write'],
      ['an omitted scope', undefined, 'calendar.read calendar.write'],
      ['more, which is dropped', 'calendar.admin calendar.write', 'calendar.write'],
    ]
    test.each(narrowed)(
      'a rotation for %s returns a token for what the family has, which keeps its scope',
      async (_, scope, given) => {
        const { storage } = world
        const { present } = await rotating(storage)
        expect(await storage.rotateRefresh(present(0, { scope }))).toMatchObject({
          outcome: 'rotated',
          issue: { scope: given },
        })
        expect(await storage.rotateRefresh(present(0, { scope }))).toMatchObject({
          outcome: 'repeated',
          issue: { scope: given },
        })
        expect(await storage.rotateRefresh(present(1))).toMatchObject({
          issue: { scope: 'calendar.read calendar.write' },
        })
      },
    )

    test.each(['calendar.admin', 'Calendar.read', 'calendar', '', ' '])(
      'a rotation of which nothing is left, as for "%s", is refused, and replaces nothing',
      async (scope) => {
        const { storage } = world
        const { present, user } = await rotating(storage)
        expect(await presented(present(0, { scope }))).toBe('scope_exceeded')
        expect(await storage.listGrantUsage({ userId: user.id })).toEqual([])
        expect(await presented(present(0))).toBe('rotated 1')
        expect(await presented(present(0, { scope }))).toBe('scope_exceeded')
        expect(await presented(present(1))).toBe('rotated 2')
      },
    )

    test('a family covers the permissions of its request, not those added to the grant since', async () => {
      const { storage } = world
      const { present, user } = await rotating(storage, { scope: 'calendar.read' }, { remembered: true })
      await allowedRequest(storage, {}, { remembered: true }, user)
      expect(await storage.rotateRefresh(present(0, { scope: 'calendar.read calendar.write' }))).toMatchObject({
        grant: { scope: 'calendar.read calendar.write' },
        issue: { scope: 'calendar.read' },
      })
    })

    test('a token of a family never outlives its grant', async () => {
      const { present } = await rotating(world.storage, {}, { grantLifetime: 1000 })
      world.now = start + 900
      expect(await world.storage.rotateRefresh(present(0))).toMatchObject({ issue: { expiresAt: start + 1000 } })
      world.now = start + 1000
      expect(await presented(present(1))).toBe('grant_ended')
    })

    test('a rotation extends the idle time, up to the lifetime of the family', async () => {
      const lifetimes = { idleSeconds: 1000, lifetime: 2500 }
      const { present } = await rotating(world.storage, {}, {}, undefined, lifetimes)
      world.now = start + 1000
      expect(await presented(present(0))).toBe('idle')
      world.now = start + 999
      expect(await presented(present(0, { idleSeconds: 1300 }))).toBe('rotated 1')
      world.now = start + 999 + 1300
      expect(await presented(present(1))).toBe('idle')
      world.now -= 1
      expect(await presented(present(1))).toBe('rotated 2')
      world.now = start + 2499
      expect(await presented(present(2))).toBe('rotated 3')
      world.now = start + 2500
      expect(await presented(present(3))).toBe('expired')
    })

    test('nothing is issued for a disabled user or a blocked agent, nor is anything replaced', async () => {
      const { storage } = world
      const { present, user } = await rotating(storage)
      await storage.setUserStatus(user.id, 'disabled')
      expect(await presented(present(0))).toBe('user_disabled')
      await storage.setUserStatus(user.id, 'active')
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      expect(await presented(present(0))).toBe('agent_blocked')
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      expect(await presented(present(0))).toBe('rotated 1')
    })

    test('the reason why a family has ended comes before reuse and scope, and is no reuse', async () => {
      const { storage } = world
      const { present, grantId } = await rotating(storage)
      for (const generation of [0, 1]) await presented(present(generation))
      await storage.revokeGrant({ grantId, by: 'test' })
      for (const generation of [0, 1, 2])
        expect(await presented(present(generation, { scope: 'none' }))).toBe('grant_ended')
      expect(await storage.listEvents({ event: 'refresh.reused' })).toEqual([])
    })

    test('an unknown family is refused, and so is a generation that the database has lost', async () => {
      const { present, family } = await rotating(world.storage)
      for (const unknown of ['0190a8c4-7d3e-4b21-9f00-00ff10203040', '', family.toUpperCase()])
        expect(await presented(present(0, { family: unknown }))).toBe('unknown')
      expect(await presented(present(1))).toBe('unknown')
      expect(await presented(present(0, { tokenHash: freshHash() }))).toBe('unknown')
      expect(await presented(present(0))).toBe('rotated 1')
      // Not even within the grace time of the previous one.
      expect(await presented(present(1, { tokenHash: freshHash() }))).toBe('unknown')
    })

    test('a verb for tokens that do not rotate does not find one of a family', async () => {
      const { storage } = world
      const { present, redemption } = await rotating(storage)
      const held = { ...redemption, tokenHash: present(0).tokenHash }
      expect(outcomeOf(await storage.refreshGrant(held))).toBe('unknown')
      expect(await storage.revokeRefreshToken(held)).toBe(false)
      expect(await presented(present(0))).toBe('rotated 1')
    })

    test('a family continues under the grant that replaces its own', async () => {
      const { storage } = world
      const { present, user, grantId } = await rotating(storage, {}, { remembered: true })
      await presented(present(0))
      const { grantId: successor } = await replaceGrant(world, user, (now) => (world.now = now))
      expect(successor).not.toBe(grantId)
      expect(await storage.rotateRefresh(present(0))).toMatchObject({ outcome: 'repeated', grant: { id: successor } })
      expect(await storage.rotateRefresh(present(1))).toMatchObject({ outcome: 'rotated', grant: { id: successor } })
      await storage.revokeGrant({ grantId: successor, by: user.id })
      expect(await presented(present(2))).toBe('grant_ended')
    })

    test('of two callers at once, one rotates, and both have the same generation', async () => {
      for (let generation = 0; generation < 5; generation++) {
        const { present } = await rotating(world.storage)
        const outcomes = await Promise.all(times(2, () => presented(present(0))))
        expect(outcomes.sort()).toEqual(['repeated 1', 'rotated 1'])
      }
    })

    test('50 callers at once all get their own token, and the family has one successor', async () => {
      const { storage } = world
      const { present, grantId, user } = await rotating(storage)
      const results = await Promise.all(times(50, () => storage.rotateRefresh(present(0))))
      expect(results.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1)
      expect(results.filter(({ outcome }) => outcome === 'repeated')).toHaveLength(49)
      const jtis = results.map((result) => result.outcome !== 'refused' && result.issue.jti)
      expect(new Set(jtis).size).toBe(50)
      expect(await storage.listGrantUsage({ userId: user.id })).toMatchObject([{ grantId, refreshes: 50 }])
      expect(await presented(present(1))).toBe('rotated 2')
      expect(await storage.findViolations()).toEqual([])
    })

    test('of several rotations at once, each has its own outcome', async () => {
      const { storage } = world
      const [twice, copied, stolen, narrowed, last] = await Promise.all([
        rotating(storage),
        rotating(storage),
        rotating(storage),
        rotating(storage),
        rotating(storage),
      ])
      for (const generation of [0, 1]) await presented(copied.present(generation))
      const [first, second, ...others] = await Promise.all(
        [
          twice.present(0),
          twice.present(0),
          copied.present(0),
          stolen.present(0, { agent: 'https://thief.example' }),
          stolen.present(0),
          narrowed.present(0, { scope: 'calendar.write' }),
          last.present(0, { family: randomUUID() }),
          last.present(0, { idleSeconds: 7 }),
        ].map(presented),
      )
      expect([first, second].sort()).toEqual(['repeated 1', 'rotated 1'])
      expect(others).toEqual(['reused', 'foreign_agent', 'rotated 1', 'rotated 1', 'unknown', 'rotated 1'])
      expect((await eventNames(storage)).filter((event) => event.startsWith('refresh.')).sort()).toEqual([
        'refresh.foreign_agent',
        'refresh.reused',
      ])
      world.now += 7
      expect(await presented(last.present(1))).toBe('idle')
      for (const { present } of [twice, stolen, narrowed]) expect(await presented(present(1))).toBe('rotated 2')
      expect(await storage.findViolations()).toEqual([])
    })

    const failing: [string, (issue: object | undefined) => object][] = [
      ['whose successor cannot be stored', () => ({ successorHash: 'short' })],
      ['whose resource cannot be compared', () => ({ isResource: (each: string) => new URL(each.slice(8)) })],
      ['whose grant has changed', (issue) => ({ issue: { ...issue, scope: 'calendar.delete' } })],
    ]
    test.each(failing)('of several rotations at once, one %s is the only one that fails', async (_, changes) => {
      const { storage } = world
      const families = await Promise.all(times(4, () => rotating(storage)))
      const presentations = families.map(({ present }) => present(0))
      const issues = await Promise.all(presentations.map(async (rotation) => (await prepared(rotation)).issue))
      const results = await Promise.allSettled(
        presentations.map((rotation, index) =>
          presented({ ...rotation, issue: issues[index], ...(index === 1 && changes(issues[1])) }),
        ),
      )
      expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.status))).toEqual([
        'rotated 1',
        'rejected',
        'rotated 1',
        'rotated 1',
      ])
      expect(await presented(families[1]?.present(0) as Presented)).toBe('rotated 1')
      expect(await storage.findViolations()).toEqual([])
    })

    test('callers at once with different generations leave one current generation, or a revoked family', async () => {
      const { storage } = world
      const { present } = await rotating(storage)
      await presented(present(0))
      const outcomes = await Promise.all(times(20, (index) => presented(present(index % 3 === 0 ? 1 : 0))))
      const count = (outcome: string) => outcomes.filter((each) => each === outcome).length
      // Generation 0 is a copy once generation 1 has been used.
      const isRevoked = count('reused') === 1
      expect(count('repeated 1') + count('repeated 2') + count('reused') + count('revoked')).toBe(19)
      expect(count('rotated 2')).toBe(1)
      if (!isRevoked) expect(count('reused') + count('revoked')).toBe(0)
      expect(await presented(present(2))).toBe(isRevoked ? 'revoked' : 'rotated 3')
      expect(await storage.findViolations()).toEqual([])
    })

    test('once the grant is revoked, nothing is issued, even in a race', async () => {
      const { storage } = world
      const { present, grantId } = await rotating(storage)
      const rotations = (count: number) => times(count, () => presented(present(0)))
      const before = rotations(10)
      const removed = storage.revokeGrant({ grantId, by: 'test' })
      const during = rotations(10)
      const after = removed.then(() => Promise.all(rotations(10)))
      for (const outcome of await Promise.all([...before, ...during]))
        expect(['rotated 1', 'repeated 1', 'grant_ended']).toContain(outcome)
      expect(await after).toEqual(times(10, () => 'grant_ended'))
    })

    test('an agent can revoke its own family, once, whatever the generation, and the grant stays', async () => {
      const { storage } = world
      const { present, family, grantId, user } = await rotating(storage, { delegate: 'laptop' })
      await presented(present(0))
      const revoke = (changes: object = {}) =>
        storage.revokeRefreshToken({ family, agent, delegate: 'laptop', ...changes })
      expect(await revoke({ agent: 'https://thief.example' })).toBe(false)
      expect(await revoke({ delegate: null })).toBe(false)
      expect(await revoke({ family: '0190a8c4-7d3e-4b21-9f00-00ff10203040' })).toBe(false)
      expect(await presented(present(1))).toBe('rotated 2')
      const results = await Promise.all(times(5, () => revoke()))
      expect(results.filter(Boolean)).toHaveLength(1)
      for (const generation of [0, 1, 2]) expect(await presented(present(generation))).toBe('revoked')
      expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
      expect(await storage.listEvents({ event: 'refresh.revoked' })).toMatchObject([
        { userId: user.id, agent, grantId },
      ])
      expect(await families()).toEqual([family])
    })

    test('a reused code revokes the family that it issued, and lists it', async () => {
      const { storage } = world
      const { present, redemption, family } = await rotating(storage)
      await presented(present(0))
      expect(outcomeOf(await storage.redeemCode(redemption))).toBe('used')
      expect(await presented(present(1))).toBe('revoked')
      expect(await families()).toEqual([family])
    })

    test('a family is listed only if a token of it may be valid, and only on request', async () => {
      const { storage } = world
      const [unused, used] = [await rotating(storage), await rotating(storage)]
      world.now = start + 1000
      await presented(used.present(0))
      world.now = start + 1059
      // Not written again: only the use a minute earlier is recorded.
      await presented(used.present(0))
      world.now = start + 2000
      for (const { family } of [unused, used]) await storage.revokeRefreshToken({ family, agent, delegate: null })
      expect(await storage.listRevocations({ since: start, perUser: 20, limit: 100 })).toMatchObject({ families: [] })
      expect(await families(start + 1059)).toEqual([used.family])
      expect(await families(start + 1060)).toEqual([used.family])
      expect(await families(start + 1061)).toEqual([])
      expect((await families(start + 60)).sort()).toEqual([unused.family, used.family].sort())
      expect(await families(start + 2001)).toEqual([])
    })

    test('a family without a refresh token is revoked with its code or by itself, and is listed', async () => {
      const { storage } = world
      const withoutToken = async (changes: { isOffered?: boolean }, decided = {}) => {
        const { redemption } = await allowedRequest(storage, {}, decided)
        const refresh = { family: randomUUID(), tokenHash: freshHash(), idleSeconds: day, lifetime: day, ...changes }
        const redeemed = await storage.redeemCode({ ...redemption, refresh })
        if (redeemed.outcome !== 'redeemed') throw new Error(redeemed.reason)
        expect(redeemed.refreshIssued).toBe(false)
        expect(redeemed.issue.jti.split('.')[1]).toBe(refresh.family)
        return { family: refresh.family, again: () => storage.redeemCode({ ...redemption, refresh }) }
      }
      const [unoffered, short, expired] = [
        await withoutToken({ isOffered: false }),
        await withoutToken({}, { grantLifetime: 60 }),
        await withoutToken({}, { grantLifetime: 60 }),
      ]
      expect(outcomeOf(await unoffered.again())).toBe('used')
      expect(await storage.revokeRefreshToken({ family: short.family, agent, delegate: null })).toBe(true)
      expect((await families()).sort()).toEqual([unoffered.family, short.family].sort())
      expect(await storage.listEvents({ event: 'code.reused' })).toMatchObject([{ data: { refreshRevoked: true } }])
      world.now += 2 * day
      await storage.sweep()
      expect(await storage.revokeRefreshToken({ family: expired.family, agent, delegate: null })).toBe(false)
      expect(await storage.findViolations()).toEqual([])
    })

    test('with a revoked grant, its families are not listed separately', async () => {
      const { storage } = world
      const { grantId, family, user } = await rotating(storage)
      await storage.revokeRefreshToken({ family, agent, delegate: null })
      await storage.revokeGrant({ grantId, by: user.id })
      expect(await storage.listRevocations({ since: start, perUser: 20, limit: 100, families: true })).toEqual({
        revoked: [{ kind: 'grant', value: grantId }],
        families: [],
        clientsRevokedBefore: [],
        revokedBefore: [],
        before: undefined,
        isWhole: true,
      })
    })

    /** A user with revoked families. */
    async function withRevoked(storage: Storage, count: number) {
      const user = await newUser(storage)
      const revoked: string[] = []
      for (let made = 0; made < count; made++) {
        const { family } = await rotating(storage, {}, {}, user)
        await storage.revokeRefreshToken({ family, agent, delegate: null })
        revoked.push(family)
      }
      return { user, revoked }
    }

    test('grants and families share the limits of a user and of the list', async () => {
      const { storage } = world
      const many = await withRevoked(storage, 2)
      const { grantId } = await rotating(storage, {}, {}, many.user)
      await storage.revokeGrant({ grantId, by: many.user.id })
      world.now += 7
      const few = await withRevoked(storage, 1)
      const listed = (limits: { perUser?: number; limit?: number }) =>
        storage.listRevocations({ since: start, perUser: 20, limit: 100, families: true, ...limits })
      const all = await listed({ perUser: 3, limit: 4 })
      expect(all).toMatchObject({ revoked: [{ kind: 'grant', value: grantId }], revokedBefore: [], isWhole: true })
      expect(new Set(all.families)).toEqual(new Set([...many.revoked, ...few.revoked]))
      for (const limits of [{ perUser: 2 }, { limit: 3 }])
        expect(await listed(limits)).toEqual({
          revoked: [{ kind: 'grant', value: grantId }],
          families: few.revoked,
          clientsRevokedBefore: [{ sub: await subOf(storage, many.user), client: agent, at: start }],
          revokedBefore: [],
          before: undefined,
          isWhole: true,
        })
      for (const limits of [{ perUser: 1 }, { limit: 2 }])
        expect(await listed(limits)).toEqual({
          revoked: [],
          families: few.revoked,
          clientsRevokedBefore: [],
          revokedBefore: [{ sub: await subOf(storage, many.user), at: start }],
          before: undefined,
          isWhole: true,
        })
      expect(await listed({ limit: 1 })).toMatchObject({
        families: [],
        revokedBefore: [{ sub: await subOf(storage, many.user), at: start }],
        isWhole: false,
      })
    })

    test('closing the account and restoring a backup end families, too', async () => {
      const { storage } = world
      const [closed, restored] = [await rotating(storage), await rotating(storage)]
      await storage.closeAccount(await readNow(storage, closed.user.id))
      expect(await presented(closed.present(0))).toBe('user_disabled')
      expect(await storage.invalidateRestored('operator')).toMatchObject({ refreshTokens: 1 })
      expect(await presented(restored.present(0))).toBe('revoked')
      expect(await storage.findViolations()).toEqual([])
    })

    test('a rotation is prepared without changing anything, and then issues the prepared token', async () => {
      const { storage } = world
      const { present, grantId, family, user } = await rotating(storage)
      const found = await prepared(present(0, { scope: 'calendar.read' }))
      expect(found).toMatchObject({ grant: { id: grantId, resource }, user, issue: { scope: 'calendar.read' } })
      expect(found.issue.jti.split('.').slice(0, 2)).toEqual([grantId, family])
      world.now += 3
      const rotated = await storage.rotateRefresh(present(0, { scope: 'calendar.read', issue: found.issue }))
      expect(rotated).toMatchObject({ outcome: 'rotated', generation: 1, issue: found.issue })
      expect(await storage.prepareRotation(present(0))).toMatchObject({ grant: { id: grantId } })
      expect(await presented(present(1))).toBe('rotated 2')
      const refused = [{ family: '0190a8c4-7d3e-4b21-9f00-00ff10203040' }, { isResource: () => false }]
      for (const changes of refused) expect(await storage.prepareRotation(present(2, changes))).toBeUndefined()
      expect(await storage.prepareRotation(present(0))).toBe('reused')
      expect(await storage.listEvents({ event: 'refresh.reused' })).toEqual([])
      expect(await presented(present(2))).toBe('rotated 3')
    })

    test('a prepared token is not issued for a grant that was replaced, and the refresh token still works', async () => {
      const { storage } = world
      const { present, user } = await rotating(storage, {}, { remembered: true, grantLifetime: 2000 })
      const { issue } = await prepared(present(0))
      await replaceGrant(world, user, (now) => (world.now = now))
      await expect(storage.rotateRefresh(present(0, { issue }))).rejects.toMatchObject({
        code: 'unavailable',
      })
      expect(await presented(present(0))).toBe('rotated 1')
    })

    test('a redemption is prepared without changing anything, and then issues the prepared token', async () => {
      const { storage } = world
      const { redemption, user } = await allowedRequest(storage, {}, { grantLifetime: 2000 })
      const prepared = await storage.prepareRedemption(redemption)
      expect(prepared).toMatchObject({ user, grant: { agent, resource } })
      expect(await storage.prepareRedemption({ ...redemption, agent: 'https://other.example' })).toBeUndefined()
      const wider = prepared && { ...prepared.issue, expiresAt: prepared.issue.expiresAt + 10 ** 9 }
      const changed = prepared && { ...prepared.issue, scope: 'calendar.delete' }
      await expect(storage.redeemCode({ ...redemption, issue: changed })).rejects.toMatchObject({ code: 'unavailable' })
      await expect(storage.redeemCode({ ...redemption, issue: wider })).rejects.toMatchObject({ code: 'unavailable' })
      expect(await storage.redeemCode({ ...redemption, issue: prepared?.issue })).toMatchObject({
        outcome: 'redeemed',
        issue: prepared?.issue,
      })
      expect(await storage.prepareRedemption(redemption)).toBeUndefined()
      expect(await storage.findViolations()).toEqual([])
    })

    test('a successor whose hash is malformed or in use is an error, and replaces nothing', async () => {
      const { present } = await rotating(world.storage)
      const other = await rotating(world.storage)
      await expect(
        world.storage.rotateRefresh(present(0, { successorHash: other.present(0).tokenHash })),
      ).rejects.toThrow()
      await expect(world.storage.rotateRefresh(present(0, { successorHash: 'aart_token' }))).rejects.toThrow()
      expect(await presented(present(0, { successorHash: hashOf('successor') }))).toBe('rotated 1')
    })
  })
}
