import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { agent, edition, hashOf, rememberedGrant, resource } from '../fixtures.js'

it('notifies a resource of at most 100 tokens of a revoked grant, those that expire last', async () => {
  let now = 1_600_000_000
  const storage = sqliteStorage(':memory:', { now: () => now, sweepInterval: 0, usageDelay: 0 })
  onTestFinished(() => storage.close())
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
  now += 1
  await storage.revokeGrant({ grantId, by: user.id })
  for (const jti of tokens) expect(await storage.findIssue(jti)).toMatchObject({ revokedAt: now })
  const claimed = await storage.claimDeliveries({ edition, limit: 1000, lease: 60 })
  expect(claimed.map(({ jti }) => jti).toSorted()).toEqual(tokens.filter((_, index) => index !== 50).toSorted())
})
