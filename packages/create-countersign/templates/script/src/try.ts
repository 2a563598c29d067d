import { readEvents } from './read-events.js'
import { openWorld } from './world.js'

// In memory: the test kit's user allows the request at once.
const world = await openWorld()
const agent = await world.agent({ person: world.person('Alice') })
console.log(JSON.stringify(await readEvents(agent.fetch, 'https://api.test/events'), null, 2))
