import { once } from 'node:events'
import { createTools, servers } from './servers.mjs'

process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())

// One tested server in its own process. The parent sends its name and the data it needs, then requests readings.
const [{ name, ...needed }] = await once(process, 'message')
const tested = servers.find((candidate) => candidate.name === name)
const { server, port, cpuBeside = () => 0 } = await tested.start(await createTools(needed))
// Connections are idle while other servers are measured.
server.keepAliveTimeout = 0
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const cpu = user + system + cpuBeside()
  process.send({ cpu, rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 })
})
process.send({ port })
