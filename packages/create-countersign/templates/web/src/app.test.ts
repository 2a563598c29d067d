import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp } from './app.js'
import { openWorld } from './world.js'

async function openApp() {
  const world = await openWorld()
  const app = createApp('https://api.test/events', { id: 'https://app.test', ...world.forAgent })
  world.origins.set('https://app.test', (request) => app.fetch(request))
  return world
}

test('shows each user their own events', async () => {
  const world = await openApp()
  for (const user of [world.person('Alice'), world.person('Bob')]) {
    const page = await user.open('https://app.test/events')
    assert.deepEqual(await page.json(), { user: user.sub, events: ['Lunch at noon'] })
  }
})

test('shows nothing to a user who denies the request', async () => {
  const world = await openApp()
  const page = await world.person('Bob', { allows: [] }).open('https://app.test/events')
  assert.doesNotMatch(await page.text(), /Lunch/)
})
