import { memoryStore } from 'countersign/agent'
import { expect, it } from 'vitest'
import { keptConsents, ownRecords } from '../../src/agent/own-records.js'

const records = ownRecords(memoryStore(), { agent: 'https://agent.example', edition: 'january' })

it('grants the lease on a consent to one process until it is released or expires', async () => {
  const clock = { now: 100 }
  const [own, other] = [1, 2].map(() => keptConsents(records, () => clock.now))
  const release = await own?.lease('alice', 'state-1', 120)
  expect(release).toBeDefined()
  expect(await other?.lease('alice', 'state-1', 120)).toBeUndefined()
  expect(await other?.lease('alice', 'state-2', 120), 'of another consent').toBeDefined()
  expect(await other?.lease('bob', 'state-1', 120), 'of another owner').toBeDefined()
  await release?.()
  expect(await other?.lease('alice', 'state-1', 120)).toBeDefined()
  clock.now = 120
  const next = await own?.lease('alice', 'state-1', 140)
  expect(next, 'expired').toBeDefined()
  expect(await other?.lease('alice', 'state-1', 140)).toBeUndefined()
})

it('keeps the lease of the next holder when an expired one is released late', async () => {
  const clock = { now: 100 }
  const [slow, next, third] = [1, 2, 3].map(() => keptConsents(records, () => clock.now))
  const release = await slow?.lease('carol', 'state-1', 120)
  clock.now = 121
  expect(await next?.lease('carol', 'state-1', 141)).toBeDefined()
  await release?.()
  expect(await third?.lease('carol', 'state-1', 141)).toBeUndefined()
})
