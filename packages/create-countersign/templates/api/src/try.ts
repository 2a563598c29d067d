import { openWorld } from './world.js'

// In memory: the test kit's user allows the request at once.
const world = await openWorld()
const agent = await world.agent({ person: world.person('Alice') })
const response = await agent.fetch('https://api.test/events')
console.log(JSON.stringify(await response.json(), null, 2))
