import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEvents } from './read-events.js'
import { openWorld } from './world.js'

const events = 'https://api.test/events'

test("reads the user's own events, and asks for consent once", async () => {
  const world = await openWorld()
  const alice = world.person('Alice')
  const { fetch } = await world.agent({ person: alice })
  const expected = { user: alice.sub, events: ['Lunch at noon'] }
  assert.deepEqual(await readEvents(fetch, events), expected)
  assert.deepEqual(await readEvents(fetch, events), expected)
  assert.equal(alice.asked.length, 1)
})

test('reads nothing without consent', async () => {
  const world = await openWorld()
  const agent = await world.agent({ person: world.person('Bob', { allows: [] }) })
  await assert.rejects(readEvents(agent.fetch, events), { code: 'access_denied' })
})
