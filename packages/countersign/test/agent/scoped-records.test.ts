import { memoryStore } from 'countersign/agent'
import { expect, it } from 'vitest'
import { keptConsents, pastAccess, scopedRecords } from '../../src/agent/scoped-records.js'

const records = scopedRecords(memoryStore(), { agent: 'https://agent.example', edition: 'january' })

it('grants the lease on a consent to one process until it is released or expires', async () => {
  const clock = { now: 100 }
  const [own, other] = [1, 2].map(() => keptConsents(records, () => clock.now))
  const granted = { until: 120, release: expect.any(Function) }
  const held = { holder: expect.any(String) }
  const lease = await own?.lease('alice', 'state-1', 120)
  expect(lease).toEqual(granted)
  expect(await other?.lease('alice', 'state-1', 120)).toEqual(held)
  expect(await other?.lease('alice', 'state-2', 120), 'of another consent').toEqual(granted)
  expect(await other?.lease('bob', 'state-1', 120), 'of another owner').toEqual(granted)
  if (lease && 'release' in lease) await lease.release()
  expect(await other?.lease('alice', 'state-1', 120)).toEqual(granted)
  clock.now = 120
  const next = await own?.lease('alice', 'state-1', 140)
  expect(next, 'expired').toMatchObject({ until: 140 })
  expect(await other?.lease('alice', 'state-1', 140)).toEqual(held)
})

it('replaces the lease of an overdue holder, and of no other', async () => {
  const consents = keptConsents(records, () => 100)
  await consents.lease('dave', 'state-1', 120)
  const there = await consents.lease('dave', 'state-1', 120)
  if (!('holder' in there)) throw new TypeError('another one holds the lease')
  expect(await consents.lease('dave', 'state-1', 120, 'another')).toEqual(there)
  expect(await consents.lease('dave', 'state-1', 120, there.holder)).toMatchObject({ until: 120 })
})

it('lists a consent by the name of its record, even if its data is damaged', async () => {
  await records.put('erin', { kind: 'consent', id: 'a' }, null)
  const consents = keptConsents(records, () => 100)
  expect(await consents.list('erin')).toEqual([{ id: 'a' }])
  expect(await consents.remove('erin', 'a')).toBe(true)
})

it('keeps the lease of the next holder when an expired one is released late', async () => {
  const clock = { now: 100 }
  const [slow, next, third] = [1, 2, 3].map(() => keptConsents(records, () => clock.now))
  const lease = await slow?.lease('carol', 'state-1', 120)
  clock.now = 121
  expect(await next?.lease('carol', 'state-1', 141)).toMatchObject({ until: 141 })
  if (lease && 'release' in lease) await lease.release()
  expect(await third?.lease('carol', 'state-1', 141)).toEqual({ holder: expect.any(String) })
})

it('remembers how access ended for a limited number of resources', async () => {
  const past = pastAccess(records)
  const at = (name: number) => ({ authServer: 'https://auth.example', resource: `https://api-${name}.example` })
  for (let name = 0; name < 150; name += 1) {
    await past.note('erin', at(name), 'expired')
    expect(await past.reasonFor('erin', at(name), [])).toBe('expired')
  }
  expect(await records.list('erin', 'past')).toHaveLength(100)
  expect(await past.reasonFor('erin', at(0), [])).toBe('expired')
})
