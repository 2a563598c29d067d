import { openWorld, readNotes } from './world.js'

// In memory: the test kit's user allows the call at once.
const world = await openWorld()
const agent = await world.agent({ person: world.person('Alice') })
console.log(JSON.stringify(await readNotes(agent.fetch), null, 2))
