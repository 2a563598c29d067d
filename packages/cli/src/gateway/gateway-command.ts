import cluster from 'node:cluster'
import { createMemoryNonces, createRateLimit } from 'countersign/resource'
import {
  type ConfiguredGateway,
  createConfiguredGateway,
  loadGatewayConfig,
  type SharedMemory,
} from 'countersign-gateway'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { openListener } from '../network/open-listener.js'
import type { Terminal } from '../terminal/terminal.js'
import { parseWorkers } from '../workers/parse-workers.js'
import { leaveWorkers, runWorkers, tellListening } from '../workers/run-workers.js'
import { answerWorkers, callFirst } from '../workers/shared-calls.js'
import { followFile } from './follow-file.js'

/** Milliseconds that what is under way gets when the gateway stops. */
const patience = 8000

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
    answerWorkers({ claimNonce: createMemoryNonces(), rateLimit: createRateLimit() })
    return runWorkers(count, terminal)
  }
  for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
  const { id, listen } = config.settings
  const gateway = createConfiguredGateway(config, { shared: count > 1 ? sharedByWorkers() : undefined })
  await openListener(gateway.server, listen, { host: 'listen.host', port: 'listen.port' })
  const { verifyOnly: only, proxy, upstream: behind } = config.settings
  const what = only ? `Subrequests of ${proxy} for ${id} are answered` : `${id} is protected`
  terminal.notify(`${what} at ${listen.host}, port ${listen.port}${only ? '' : `, in front of ${behind}`}.`)
  tellListening()
  async function reload(): Promise<void> {
    const next = await load()
    gateway.use(next)
    terminal.notify(`${next.file} was read again: ${next.settings.routes.length} routes.`)
  }
  const followed = followFile(config.file, reload, (reason) => terminal.notify(`Goes on as before. ${reason}`))
  await untilStopped(terminal, () => followed.now())
  followed.stop()
  await stop(gateway)
  leaveWorkers()
  return exitStatus.done
}

/** A nonce works once, and a rate counts once, in all processes together (G12). */
function sharedByWorkers(): SharedMemory {
  return { claimNonce: callFirst('claimNonce'), rateLimit: callFirst('rateLimit') }
}

/** What ends a shell's programs makes this one read its configuration again. */
function untilStopped({ onStop }: Terminal, onHangUp: () => void): Promise<void> {
  return new Promise((resolve) => {
    const listen = (): void => {
      const release = onStop(({ by }) => {
        if (by !== 'SIGHUP') return resolve()
        release()
        // When whoever told us has told everybody: what listens now is told of the next one.
        queueMicrotask(listen)
        onHangUp()
      })
    }
    listen()
  })
}

async function stop({ server, close }: ConfiguredGateway): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), patience)
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  server.closeIdleConnections()
  close()
  await closed
  clearTimeout(late)
}

const needsConfig = `gateway needs --config <file>. The smallest file, after countersign keys generate --out api-key.json:
{ "id": "https://api.example", "authServer": "https://auth.example", "keyFile": "api-key.json", "upstream": "http://127.0.0.1:3000",
  "routes": [{ "method": "GET", "path": "/events", "require": "authorization", "scope": "events.read" }] }
docs/gateway.md has all that can be in it.`
