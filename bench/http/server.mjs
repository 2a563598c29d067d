import { once } from 'node:events'
import { createTools, servers } from './servers.mjs'

process.once('disconnect', () => process.exit())

// One tested server in a process of its own. The parent sends the keys and the name of the server, then asks for readings.
const [{ name, keys }] = await once(process, 'message')
const server = await servers.find((candidate) => candidate.name === name).start(await createTools(keys))
// Connections rest while other servers are measured.
server.keepAliveTimeout = 0
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system, rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 })
})
process.send({ port: server.address().port })
