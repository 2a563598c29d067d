import { createTestWorld, type TestWorld } from 'countersign/testing'
import { createApi } from './app.js'

/** The API and its auth server in memory, without ports: agents of this world reach them, and no one else can. */
export async function openWorld(): Promise<TestWorld> {
  const world = await createTestWorld()
  const app = createApi({ id: 'https://api.test', ...world.forResource })
  world.origins.set('https://api.test', (request) => app.fetch(request))
  return world
}
