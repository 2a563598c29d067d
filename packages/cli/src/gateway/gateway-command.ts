import cluster from 'node:cluster'
import { type LoadedGatewayConfig, loadGatewayConfig } from 'countersign-gateway'
import { exitStatus, usageError } from '../command/errors.js'
import { type FollowedFile, fileDigest, namesOfChanges, watchFile } from '../command/watch-file.js'
import { withLog } from '../network/with-log.js'
import type { ServerLog } from '../terminal/server-log.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import {
  leaveWorkers,
  notifyListening,
  onReload,
  parseWorkers,
  runWorkers,
  workerAdminPort,
} from '../workers/run-workers.js'
import { overridingFlags } from './effective-settings.js'
import { hostSharedState, openSharedMemory } from './open-shared-memory.js'
import { startGateway } from './start-gateway.js'

/** `countersign gateway start`: runs the reverse proxy until it is stopped. */
export const gatewayCommand: Run = async (flags, terminal) => {
  const { config: path, workers } = flags
  if (typeof path !== 'string') throw usageError(needsConfig)
  const load = () => loadGatewayConfig(path, terminal.env, overridingFlags(flags))
  // Taken before the file is read, so that any change made after that is detected.
  const since = await fileDigest(path).catch(() => '')
  const config = await load()
  const count = parseWorkers(workers)
  if (count > 1 && cluster.isPrimary) {
    hostSharedState(config)
    return withLog(terminal, (log) => runWorkers(count, terminal, { reloadOnHangUp: true, log }))
  }
  for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
  return withLog(terminal, (log) => run(config, { load, since, log }, terminal)).finally(leaveWorkers)
}

interface Given {
  load: () => Promise<LoadedGatewayConfig>
  /** Digest of the file, computed before the configuration was loaded from it. */
  since: string
  log: ServerLog
}

async function run(config: LoadedGatewayConfig, { load, since, log }: Given, terminal: Terminal): Promise<number> {
  const { id, listen, admin, verifyOnly, proxy, upstream } = config.settings
  const memory = await openSharedMemory(config.settings, terminal, log)
  let readAt = Date.now() / 1000
  let followed: FollowedFile | undefined
  const state = () => ({ ok: followed?.isUsable() ?? true, readAt })
  const gateway = await startGateway(config, { memory, log, state }).catch((error: unknown) => {
    memory.close()
    throw error
  })
  async function reload(): Promise<void> {
    const next = await load()
    gateway.use(next)
    readAt = Date.now() / 1000
    const routes = next.settings.routes.length
    terminal.notify(`${next.file} was reloaded: ${routes} routes.`)
    log.write('info', 'config.read', { file: next.file, routes })
    const changed = namesOfChanges(fixedSettings(config), fixedSettings(next)).join(' ')
    if (changed === '') return
    terminal.notify(`These settings take effect only after a restart: ${changed}.`)
    log.write('warn', 'config.needs_restart', { file: next.file, settings: changed })
  }
  function keep(reason: string): void {
    terminal.notify(`The previous configuration remains active. ${reason}`)
    log.write('error', 'config.not_read', { file: config.file, reason })
  }
  const file = watchFile(config.file, { since, onChange: reload, onProblem: keep })
  followed = file
  onReload(() => file.now())
  const stopping = new Promise<string>((resolve) => {
    terminal.onStop(({ by }) => resolve(by), { onHangUp: () => file.now() })
  })
  const what = verifyOnly ? `Responding to subrequests from ${proxy} for ${id}` : `Protecting ${id}`
  terminal.notify(`${what} at ${listen.host}, port ${listen.port}${verifyOnly ? '' : `, upstream ${upstream?.url}`}.`)
  notifyListening()
  log.write('info', 'started', {
    id,
    host: listen.host,
    port: listen.port,
    adminPort: admin && workerAdminPort(admin.port),
    pid: process.pid,
    // With several processes, signals are sent to the parent.
    parent: cluster.isWorker ? process.ppid : undefined,
  })
  const signal = await stopping
  file.stop()
  log.write('info', 'stopping', { signal })
  await gateway.stop()
  log.write('info', 'stopped')
  return exitStatus.done
}

/** Settings that cannot be changed without a restart. */
function fixedSettings({ settings }: LoadedGatewayConfig): object {
  const { listen, admin, redis, stateFolder, instances } = settings
  return { listen, admin, redis, stateFolder, instances }
}

const needsConfig = `gateway start requires --config <file>. The smallest possible file, after countersign agent keys generate --output api-key.json:
{ "id": "https://api.example", "authServer": "https://auth.example", "keyFile": "api-key.json", "upstream": "http://127.0.0.1:3000",
  "scopes": { "events.read": "See your events" },
  "routes": [{ "method": "GET", "path": "/events", "require": "authorization", "scope": "events.read" }] }
For all settings, see "Gateway configuration" in the documentation.`
