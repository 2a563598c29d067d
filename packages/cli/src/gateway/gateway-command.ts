import cluster from 'node:cluster'
import type { Log } from 'countersign/observability'
import { type LoadedGatewayConfig, loadGatewayConfig } from 'countersign-gateway'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { withLog } from '../network/with-log.js'
import type { Terminal } from '../terminal/terminal.js'
import { parseWorkers } from '../workers/parse-workers.js'
import { leaveWorkers, runWorkers, tellListening } from '../workers/run-workers.js'
import { followFile } from './follow-file.js'
import { openSharedMemory, rememberForWorkers } from './open-shared-memory.js'
import { startGateway } from './start-gateway.js'

/** `countersign gateway`: a reverse proxy, until it is told to stop. */
export const gatewayCommand: Run = async ({ config: path, upstream, verifyOnly, workers }, terminal) => {
  if (typeof path !== 'string') throw usageError(needsConfig)
  const given: [string, unknown][] = [
    ['upstream', upstream],
    ['verifyOnly', verifyOnly],
  ]
  const flags = new Map(given.filter(([, value]) => value !== undefined))
  const load = () => loadGatewayConfig(path, terminal.env, flags)
  const config = await load()
  const count = parseWorkers(workers)
  if (count > 1 && cluster.isPrimary) {
    rememberForWorkers(config.settings)
    return runWorkers(count, terminal)
  }
  for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
  return withLog(terminal, (log) => run(config, { load, log }, terminal)).finally(leaveWorkers)
}

interface Given {
  load: () => Promise<LoadedGatewayConfig>
  log: Log
}

async function run(config: LoadedGatewayConfig, { load, log }: Given, terminal: Terminal): Promise<number> {
  const { id, listen, admin, verifyOnly, proxy, upstream } = config.settings
  const memory = await openSharedMemory(config.settings, terminal, log)
  const gateway = await startGateway(config, { memory, log }).catch((error: unknown) => {
    memory.close()
    throw error
  })
  const what = verifyOnly ? `Subrequests of ${proxy} for ${id} are answered` : `${id} is protected`
  terminal.notify(`${what} at ${listen.host}, port ${listen.port}${verifyOnly ? '' : `, in front of ${upstream}`}.`)
  tellListening()
  log.write('info', 'started', { id, host: listen.host, port: listen.port, adminPort: admin?.port })
  async function reload(): Promise<void> {
    const next = await load()
    gateway.use(next)
    const routes = next.settings.routes.length
    terminal.notify(`${next.file} was read again: ${routes} routes.`)
    log.write('info', 'config.read', { file: next.file, routes })
  }
  function keep(reason: string): void {
    terminal.notify(`Goes on as before. ${reason}`)
    log.write('error', 'config.not_read', { file: config.file, reason })
  }
  const followed = followFile(config.file, reload, keep)
  const signal = await untilStopped(terminal, () => followed.now())
  followed.stop()
  log.write('info', 'stopping', { signal })
  await gateway.stop()
  log.write('info', 'stopped')
  return exitStatus.done
}

/** What ends a shell's programs makes this one read its configuration again. */
function untilStopped({ onStop }: Terminal, onHangUp: () => void): Promise<string> {
  return new Promise((resolve) => {
    const listen = (): void => {
      const release = onStop(({ by }) => {
        if (by !== 'SIGHUP') return resolve(by)
        release()
        // When whoever told us has told everybody: what listens now is told of the next one.
        queueMicrotask(listen)
        onHangUp()
      })
    }
    listen()
  })
}

const needsConfig = `gateway needs --config <file>. The smallest file, after countersign keys generate --out api-key.json:
{ "id": "https://api.example", "authServer": "https://auth.example", "keyFile": "api-key.json", "upstream": "http://127.0.0.1:3000",
  "routes": [{ "method": "GET", "path": "/events", "require": "authorization", "scope": "events.read" }] }
docs/gateway.md has all that can be in it.`
