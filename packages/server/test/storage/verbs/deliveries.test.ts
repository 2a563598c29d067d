import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { agent, edition, hashOf, manyNames, newUser, rememberedGrant, resource } from '../fixtures.js'

/** A storage in memory, and its clock. */
function open() {
  const world = { now: 1_600_000_000 }
  const storage = sqliteStorage(':memory:', { now: () => world.now, sweepInterval: 0, usageDelay: 0 })
  onTestFinished(() => storage.close())
  return { storage, world }
}

it('notifies a resource of at most 100 tokens of a revoked grant, those that expire last', async () => {
  const { storage, world } = open()
  const { user, grantId } = await rememberedGrant(storage)
  const issue = {
    edition,
    userId: user.id,
    agent,
    delegate: null,
    resource,
    scope: 'calendar.read',
    jkt: hashOf('jkt'),
  }
  const tokens: string[] = []
  for (let count = 0; count <= 100; count += 1) {
    // One in the middle expires first.
    const tokenLifetime = count === 50 ? 600 : 3600
    const issued = await storage.issueRemembered({ ...issue, tokenLifetime, isTracked: true })
    if (issued.outcome !== 'issued') throw new Error(issued.reason)
    tokens.push(issued.issue.jti)
  }
  world.now += 1
  await storage.revokeGrant({ grantId, by: user.id })
  for (const jti of tokens) expect(await storage.findIssue(jti)).toMatchObject({ revokedAt: world.now })
  const claimed = await storage.claimDeliveries({ edition, limit: 1000, lease: 60 })
  expect(claimed.map(({ jti }) => jti).toSorted()).toEqual(tokens.filter((_, index) => index !== 50).toSorted())
})

it('revokes the tokens of the grants that a revoked grant replaced, and those of no other parties', async () => {
  const { storage, world } = open()
  const [alice, bob] = [await newUser(storage), await newUser(storage)]
  const other = 'https://other.example'
  const variants = [
    {},
    { user: bob },
    { agent: other },
    { delegate: 'laptop' },
    { resource: other },
    { edition: 'other' },
    { account: 'work' },
    { account: 'home' },
  ].map((changes) => ({ user: alice, edition, agent, delegate: null, resource, account: null, ...changes }))
  const allow = ({ user, account, ...asked }: (typeof variants)[number], scope: string, grantLifetime: number | null) =>
    rememberedGrant(storage, { ...asked, scope }, { account, grantLifetime }, user)
  const tokens: string[] = []
  for (const variant of variants) {
    await allow(variant, `${manyNames('old', 200)}`, 1)
    await allow(variant, 'calendar.read', null)
    const { user, ...parties } = variant
    const issue = { ...parties, userId: user.id, scope: 'calendar.read', jkt: hashOf('jkt'), tokenLifetime: 3600 }
    const issued = await storage.issueRemembered({ ...issue, isTracked: true })
    tokens.push(issued.outcome === 'issued' ? issued.issue.jti : issued.reason)
  }
  world.now += 1
  const successors: string[] = []
  for (const variant of variants) successors.push((await allow(variant, manyNames('new', 100), null)).grantId)
  for (const [index, grantId] of successors.entries()) {
    await storage.revokeGrant({ grantId, by: alice.id })
    const claimed = await storage.claimDeliveries({ edition: variants[index]?.edition ?? '', limit: 100, lease: 60 })
    expect(claimed.map(({ jti }) => jti)).toEqual([tokens[index]])
  }
})
