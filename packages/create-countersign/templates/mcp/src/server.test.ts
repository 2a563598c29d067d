import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld, readNotes } from './world.js'

test('runs the tool for a user who allows the call', async () => {
  const world = await openWorld()
  const alice = world.person('Alice')
  const agent = await world.agent({ person: alice })
  assert.deepEqual(await readNotes(agent.fetch), { user: alice.sub, notes: ['Buy milk'] })
})

test('refuses everyone else', async () => {
  const world = await openWorld()
  const bob = await world.agent({ person: world.person('Bob', { allows: [] }) })
  await assert.rejects(readNotes(bob.fetch), { code: 'access_denied' })
  await assert.rejects(readNotes(world.fetch))
})
