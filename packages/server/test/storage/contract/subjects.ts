import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  edition,
  hashOf,
  newUser,
  outcomeOf,
  refreshable,
  rememberedGrant,
  resource,
  rotating,
  subOf,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

const files = 'https://files.example'
const other = 'https://other.example'

type Allowed = Parameters<typeof allowedRequest>[1]

/** The subjects in a token for a new code. */
async function issued(storage: Storage, user: User, changes: Allowed = {}) {
  const { redemption } = await allowedRequest(storage, changes, {}, user)
  const outcome = await storage.redeemCode(redemption)
  if (outcome.outcome !== 'redeemed') throw new Error(`expected redeemed, got ${outcome.reason}`)
  const { sub, agentSub } = outcome.issue
  return { sub, agentSub }
}

export function subjectContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: subjects`, makeStorage, (world) => {
    test('a resource knows a user by one random subject, whatever the agent, key, delegate and edition', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await issued(storage, user)
      expect(first.sub).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect([user.id, user.username, first.agentSub]).not.toContain(first.sub)
      for (const changes of [
        { agent: other },
        { delegate: 'laptop' },
        { edition: 'other' },
        { agentJkt: hashOf('new') },
      ])
        expect((await issued(storage, user, changes)).sub).toBe(first.sub)
    })

    test('the resources of an origin know a user by the same subject, whatever their paths, and in whichever order they are used', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await issued(storage, user, { resource: `${files}/mcp` })
      for (const same of [files, `${files}/`, `${files}/other/mcp?tenant=1`, 'HTTPS://Files.example:443/mcp'])
        expect((await issued(storage, user, { resource: same, agent: other, edition: 'other' })).sub).toBe(first.sub)
      for (const different of ['http://files.example', `${files}:8443/mcp`, `${files}.evil.example/mcp`])
        expect((await issued(storage, user, { resource: different })).sub).not.toBe(first.sub)
      expect((await issued(storage, await newUser(storage), { resource: files })).sub).not.toBe(first.sub)
      const { redemption } = await allowedRequest(storage, { resource: `${files}/mcp` }, {}, user)
      expect(await storage.prepareRedemption(redemption)).toMatchObject({ issue: { sub: first.sub } })
      const later = await allowedRequest(storage, { resource: `${files}/later` }, {}, user)
      expect(await storage.prepareRedemption(later.redemption)).toMatchObject({ issue: { sub: first.sub } })
      expect(await storage.findViolations()).toEqual([])
    })

    test('of codes for resources of one origin that are redeemed at the same time, all get the same subject', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const allowed = await Promise.all(
        times(8, (index) => allowedRequest(storage, { resource: index === 0 ? files : `${files}/${index}` }, {}, user)),
      )
      const outcomes = await Promise.all(allowed.map(({ redemption }) => storage.redeemCode(redemption)))
      const subjects = outcomes.map((outcome) => (outcome.outcome === 'redeemed' ? outcome.issue.sub : outcome.reason))
      expect(new Set(subjects)).toEqual(new Set([await subOf(storage, user, files)]))
      expect(await storage.listSubjects({ userId: user.id })).toHaveLength(9)
    })

    test('an agent knows a user by one random subject, whatever the resource', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await issued(storage, user)
      for (const changes of [{ resource: files }, { delegate: 'laptop' }, { edition: 'other' }])
        expect((await issued(storage, user, changes)).agentSub).toBe(first.agentSub)
    })

    test('other resources, agents and users have other subjects', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const subjects = [
        await issued(storage, alice),
        await issued(storage, alice, { resource: files, agent: other }),
        await issued(storage, bob),
        await issued(storage, bob, { resource: files, agent: other }),
      ].flatMap(({ sub, agentSub }) => [sub, agentSub])
      expect(new Set(subjects).size).toBe(8)
    })

    test('refreshed, rotated and remembered tokens have the subjects of the first one', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await issued(storage, user)
      const { refresh } = await refreshable(storage, {}, {}, user)
      expect(await storage.refreshGrant(refresh)).toMatchObject({ issue: first })
      const { present } = await rotating(storage, {}, {}, user)
      expect(await storage.rotateRefresh(present(0))).toMatchObject({ issue: first })
      await rememberedGrant(storage, {}, {}, user)
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      const issue = { ...parties, scope: 'calendar.read', jkt: hashOf('jkt'), tokenLifetime: 60 }
      expect(await storage.issueRemembered(issue)).toMatchObject({ issue: first })
    })

    test('the first token of a pair may be issued under a remembered grant', async () => {
      const { storage } = world
      const { user } = await rememberedGrant(storage)
      const parties = { edition, userId: user.id, agent, delegate: null, resource }
      const issue = { ...parties, scope: 'calendar.read', jkt: hashOf('jkt'), tokenLifetime: 60 }
      const outcome = await storage.issueRemembered(issue)
      expect(await storage.issueRemembered(issue)).toMatchObject({
        issue: { sub: await subOf(storage, user), agentSub: outcome.outcome === 'issued' && outcome.issue.agentSub },
      })
    })

    test('of codes that are redeemed at the same time, all get the same subjects', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const agents = times(5, (index) => `https://agent-${index}.example`)
      const allowed = await Promise.all(agents.map((each) => allowedRequest(storage, { agent: each }, {}, user)))
      const outcomes = await Promise.all(allowed.map(({ redemption }) => storage.redeemCode(redemption)))
      const subjects = outcomes.map((outcome) => (outcome.outcome === 'redeemed' ? outcome.issue : undefined))
      expect(new Set(subjects.map((issue) => issue?.sub)).size).toBe(1)
      expect(new Set(subjects.map((issue) => issue?.agentSub)).size).toBe(5)
      expect(await storage.listSubjects({ userId: user.id })).toHaveLength(6)
    })

    test('a prepared token is redeemed with its subjects, unless another token was issued first', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const [one, two] = [await allowedRequest(storage, {}, {}, user), await allowedRequest(storage, {}, {}, user)]
      const prepare = async ({ redemption }: typeof one) => ({
        ...redemption,
        issue: (await storage.prepareRedemption(redemption))?.issue,
      })
      const [first, second] = [await prepare(one), await prepare(two)]
      expect(await storage.listSubjects({ userId: user.id })).toEqual([])
      expect(await storage.redeemCode(first)).toMatchObject({ issue: first.issue })
      await expect(storage.redeemCode(second)).rejects.toMatchObject({ code: 'unavailable' })
      const again = await prepare(two)
      expect(again.issue?.sub).toBe(first.issue?.sub)
      expect(outcomeOf(await storage.redeemCode(again))).toBe('redeemed')
    })

    test('a code that is not redeemed, and a token that a policy allows, create no subject', async () => {
      const { storage } = world
      const { user, redemption } = await allowedRequest(storage)
      await storage.redeemCode({ ...redemption, agent: other })
      await storage.recordAutonomousIssue({
        agent,
        delegate: null,
        resource,
        scope: 'a',
        policy: 'p',
        tokenLifetime: 60,
      })
      expect(await storage.listSubjects({ userId: user.id })).toEqual([])
    })

    test('a user’s subjects are listed, and find the user', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const { sub, agentSub } = await issued(storage, user)
      const { sub: ofFiles } = await issued(storage, user, { resource: files })
      const listed = [
        { kind: 'resource', identifier: resource, sub },
        { kind: 'resource', identifier: files, sub: ofFiles },
        { kind: 'agent', identifier: agent, sub: agentSub },
      ]
      expect(await storage.listSubjects({ userId: user.id })).toEqual(listed)
      expect(await storage.exportUser(user.id)).toMatchObject({ subjects: listed })
      for (const each of listed) expect(await storage.findUserBySubject(each.sub)).toMatchObject({ id: user.id })
      for (const unknown of [user.id, 'nobody', '']) expect(await storage.findUserBySubject(unknown)).toBeUndefined()
      expect(await storage.listSubjects({ userId: user.id, limit: 1 })).toHaveLength(2)
    })

    test('subjects outlive grants, so that a resource recognizes the user years later', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const first = await issued(storage, user)
      await storage.revokeGrants({ userId: user.id, by: user.id })
      world.now = start + 1000 * 86_400
      await storage.sweep()
      expect(await storage.listGrants()).toEqual([])
      expect(await issued(storage, user)).toEqual(first)
    })
  })
}
