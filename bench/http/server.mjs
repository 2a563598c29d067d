import { once } from 'node:events'
import { createTools, servers } from './servers.mjs'

process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())

// One tested server in a process of its own. The parent sends its name and what it needs, then asks for readings.
const [{ name, ...needed }] = await once(process, 'message')
const tested = servers.find((candidate) => candidate.name === name)
const { server, port, cpuBeside = () => 0 } = await tested.start(await createTools(needed))
// Connections rest while other servers are measured.
server.keepAliveTimeout = 0
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const cpu = user + system + cpuBeside()
  process.send({ cpu, rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 })
})
process.send({ port })
