import { createApp } from './app.js'
import { openWorld } from './world.js'

// In memory: the test kit's user allows the request at once.
const world = await openWorld()
const app = createApp('https://api.test/events', { id: 'https://app.test', ...world.forAgent })
world.origins.set('https://app.test', (request) => app.fetch(request))
const page = await world.person('Alice').open('https://app.test/events')
console.log(JSON.stringify(await page.json(), null, 2))
