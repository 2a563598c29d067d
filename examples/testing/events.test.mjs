import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { createTestWorld } from 'countersign/testing'
import { Hono } from 'hono'
import { expect, test } from 'vitest'

async function openWorld() {
  const world = await createTestWorld()
  const resource = createResource({
    id: 'https://api.test',
    scopes: { 'calendar.read': 'See your events' },
    ...world.forResource, // signer, authServer, fetch and now
  })
  const app = new Hono()
  app.get('/events', aauth(resource, { require: 'authorization', scope: 'calendar.read' }), (c) =>
    c.json({ user: c.var.aauth.sub }),
  )
  app.all('*', (c) => resource.handler(c.req.raw))
  world.origins.set(resource.id, (request) => app.fetch(request)) // serves requests to this origin
  return world
}

test('serves a user who allows the request', async () => {
  const world = await openWorld()
  const alice = world.person('Alice')
  const agent = await world.agent({ person: alice })
  const response = await agent.fetch('https://api.test/events')
  expect(await response.json()).toEqual({ user: alice.sub })
})

test('refuses a user who denies the request', async () => {
  const world = await openWorld()
  const agent = await world.agent({ person: world.person('Bob', { allows: [] }) })
  await expect(agent.fetch('https://api.test/events')).rejects.toThrow('Access was denied')
})

test('refuses a narrow and an expired token', async () => {
  const world = await openWorld()
  const agent = await world.agent()
  expect((await agent.send('narrow-token', 'https://api.test/events')).status).toBe(403)
  expect((await agent.send('expired-token', 'https://api.test/events')).status).toBe(401)
})
