import { createResource } from 'countersign/resource'
import { createTestWorld, type TestWorld } from 'countersign/testing'

/** A protected API and its auth server in memory, without ports: `world.fetch` reaches them, and no one else can. */
export async function openWorld(): Promise<TestWorld> {
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
      return Response.json({ user: sub, events: ['Lunch at noon'] })
    } catch (error) {
      return resource.toResponse(error)
    }
  })
  return world
}
