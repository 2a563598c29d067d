import { expect, it } from 'vitest'
import { keptConsents } from '../../src/agent/own-records.js'

type Records = Parameters<typeof keptConsents>[0]

/** The records of one owner, as several agents see them. */
function openRecords(): Records {
  const kept = new Map<string, unknown>()
  const list: Records['list'] = async () => Array.from(kept, ([id, data]) => ({ id, data }))
  const put: Records['put'] = async (_owner, { id }, data) => void kept.set(id, data)
  const records: Pick<Records, 'isShared' | 'list' | 'put'> = { isShared: true, list, put }
  return records as Records
}

it('finds the last heartbeat of the other processes that wait for the same consent', async () => {
  const clock = { now: 100 }
  const records = openRecords()
  const [own, other, third] = [1, 2, 3].map(() => keptConsents(records, () => clock.now))
  await own?.heartbeat('alice', 'state-1')
  await other?.heartbeat('alice', 'state-2')
  expect(await own?.lastHeartbeat('alice', 'state-1')).toBeUndefined()
  await other?.heartbeat('alice', 'state-1')
  clock.now = 102
  await third?.heartbeat('alice', 'state-1')
  clock.now = 105
  await own?.heartbeat('alice', 'state-1')
  expect(await own?.lastHeartbeat('alice', 'state-1')).toBe(102)
})
