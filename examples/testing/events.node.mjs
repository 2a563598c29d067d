import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResource } from 'countersign/resource'
import { createTestWorld } from 'countersign/testing'

test('serves only a user who allows the request', async () => {
  const world = await createTestWorld()
  const resource = createResource({
    id: 'https://api.test',
    scopes: { 'calendar.read': 'See your events' },
    ...world.forResource,
  })
  world.origins.set(resource.id, async (request) => {
    if (new URL(request.url).pathname !== '/events') return resource.handler(request)
    try {
      const { sub } = await resource.verify(request, { require: 'authorization', scope: 'calendar.read' })
      return Response.json({ user: sub })
    } catch (error) {
      return resource.toResponse(error)
    }
  })
  const agent = await world.agent()
  const response = await agent.fetch('https://api.test/events')
  assert.deepEqual(await response.json(), { user: agent.person.sub })
  assert.equal((await world.fetch('https://api.test/events')).status, 401)
})
