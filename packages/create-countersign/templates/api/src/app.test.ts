import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld } from './world.js'

const events = 'https://api.test/events'

test('serves an agent whose user allows the request', async () => {
  const world = await openWorld()
  const alice = world.person('Alice')
  const agent = await world.agent({ person: alice })
  const response = await agent.fetch(events)
  assert.deepEqual(await response.json(), { user: alice.sub, events: ['Lunch at noon'] })
})

test('refuses everyone else', async () => {
  const world = await openWorld()
  const agent = await world.agent()
  assert.equal((await world.fetch(events)).status, 401)
  assert.equal((await agent.send('stolen-token', events)).status, 401)
  assert.equal((await agent.send('expired-token', events)).status, 401)
  assert.equal((await agent.send('narrow-token', events)).status, 403)
})
