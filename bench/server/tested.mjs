import { once } from 'node:events'
import { createServer } from 'node:http'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { countStatements } from './count-statements.mjs'
import { shareOfStorage } from './share-of-storage.mjs'

process.once('disconnect', () => process.exit())

// One tested server in its own process. The parent sends which server to start, and then requests readings.
const [settings] = await once(process, 'message')
const counted = settings.counts ? countStatements() : () => 0
const { startTested } = await import('./servers.mjs')
const { listener, close = () => undefined } = await startTested(settings)
const server = createServer(listener)
// Connections are idle while other servers are measured.
server.keepAliveTimeout = 0
const delay = monitorEventLoopDelay({ resolution: 10 })
const profiler = new Session()
profiler.connect()

const answers = {
  read() {
    const { user, system } = process.cpuUsage()
    return { cpu: user + system, statements: counted() }
  },
  /** Resident bytes of the process, and heap bytes in use after a full collection. */
  async readMemory() {
    await profiler.post('HeapProfiler.collectGarbage')
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heap: heapUsed }
  },
  watchDelay() {
    delay.reset()
    delay.enable()
  },
  /** Event-loop delay in milliseconds: p50 and p99. */
  readDelay() {
    delay.disable()
    return { p50: delay.percentile(50) / 1e6 - 10, p99: delay.percentile(99) / 1e6 - 10, max: delay.max / 1e6 - 10 }
  },
  async watchCalls() {
    await profiler.post('Profiler.enable')
    await profiler.post('Profiler.setSamplingInterval', { interval: 500 })
    await profiler.post('Profiler.start')
  },
  async readCalls() {
    const { profile } = await profiler.post('Profiler.stop')
    return shareOfStorage(profile)
  },
  async end() {
    server.close()
    server.closeAllConnections()
    await close()
  },
}

process.on('message', (name) => void answer(name))

async function answer(name) {
  process.send({ answer: (await answers[name]()) ?? null })
}

server.listen(0, '127.0.0.1', () => process.send({ answer: { port: server.address().port } }))
