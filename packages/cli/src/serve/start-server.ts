import { createServer, type RequestListener } from 'node:http'
import {
  createClientAddress,
  createConnectionQueue,
  createMountedListener,
  createTrustedPeers,
  limitConnections,
} from 'countersign/node'
import { createMetrics, type Log, type Metrics } from 'countersign/observability'
import { maxFormBytes } from 'countersign/wire'
import {
  createAuthServer,
  type LoadedConfig,
  requireOwnDatabase,
  type Storage,
  StorageError,
  serverOptions,
  startKeyRotation,
  storedKeys,
} from 'countersign-server'
import { databaseProblem, openStorage } from '../database/open-storage.js'
import { httpTimes, listenWithAdmin } from '../network/listen-with-admin.js'
import { createReadinessView } from '../network/readiness-view.js'
import { createStoppableServer } from '../network/stoppable-server.js'
import { ownAdminPort } from '../workers/run-workers.js'
import { createObserver, type Observer } from './create-observer.js'
import { describeUnready } from './describe-unready.js'
import { followPolicies } from './follow-policies.js'
import { isIssuerPort } from './is-issuer-port.js'
import { logFailure } from './log-failure.js'
import type { StartFiles } from './read-for-start.js'
import { watchForwarded } from './watch-forwarded.js'

/** A server that runs. */
export interface RunningServer {
  /** Whether its keys were made just now. */
  firstStart: boolean
  /** Finishes what runs and closes everything: within 10 s. */
  readonly stop: () => Promise<void>
}

/**
 * Opens the database, makes or opens the keys, and listens.
 *
 * @throws CommandError, KeyError or TypeError with a sentence for the operator; nothing is left open then
 */
export async function startServer(
  config: LoadedConfig,
  { masterKey, certificates, reEncodeLogo, log, env }: StartFiles & { log: Log; env: NodeJS.ProcessEnv },
): Promise<RunningServer> {
  const { settings } = config
  let sweptAt = performance.now()
  const storage = await openStorage(settings.database, {
    onSwept: () => {
      sweptAt = performance.now()
    },
    onSweepError: (error) => logFailure(log, 'sweep.failed', error),
    limits: { nonces: settings.limits.nonces },
  })
  const followed = followPolicies(config, env, log)
  const metrics = createMetrics({
    config: followed.state,
    logWriteErrors: () => log.writeErrors,
    pool: storage.connections,
    retentionLag: () => (performance.now() - sweptAt) / 1000,
  })
  const observer = createObserver((event) => {
    log.onEvent(event)
    metrics.onEvent(event)
  })
  try {
    await requireOwnDatabase(storage, settings.issuer)
    const firstStart = (await storage.listKeys()).length === 0
    const keys = await storedKeys({ storage, masterKey })
    const server = createAuthServer({
      ...serverOptions(settings),
      policies: [],
      policy: followed.policy,
      certificates,
      reEncodeLogo,
      keys,
      storage,
      onEvent: observer.onEvent,
      onError: (error, requestId) => logFailure(log, 'request.failed', error, { id: requestId }),
    })
    await server.ready().catch((error: unknown) => {
      // It serves what it can, and is not ready, until the clock is right.
      if (!(error instanceof StorageError) || error.code !== 'clock_skew') throw error
      log.failure('clock_skew', error)
    })
    const stopListening = await listen(server, settings, { log, metrics, observer })
    const stopRotation = startRotation(settings, storage, masterKey, log)
    const stop = async () => {
      followed.stop()
      await Promise.all([stopListening(), stopRotation()])
      await server.close()
      await storage.close()
    }
    return { firstStart, stop }
  } catch (error) {
    followed.stop()
    await storage.close()
    throw databaseProblem(settings.database, error)
  }
}

function startRotation(
  { keyRotation: { rotateAfter }, lifetimes }: LoadedConfig['settings'],
  storage: Storage,
  masterKey: Uint8Array,
  log: Log,
): () => Promise<void> {
  if (rotateAfter === 0) return async () => undefined
  return startKeyRotation({
    storage,
    masterKey,
    tokenLifetime: lifetimes.authToken,
    rotateAfter,
    onRotated: ({ activated, retiring, gone, next }) =>
      log.write('info', 'keys.rotated', {
        activated,
        retiring: retiring.map(({ kid }) => kid).join(' '),
        gone: gone.join(' '),
        next,
      }),
    onError: (error) => logFailure(log, 'keys.rotation_failed', error),
  })
}

/** What is noted of requests. */
interface Watch {
  log: Log
  metrics: Metrics
  observer: Observer
}

async function listen(
  server: ReturnType<typeof createAuthServer>,
  settings: LoadedConfig['settings'],
  { log, metrics, observer: { observe, requestId } }: Watch,
): Promise<() => Promise<void>> {
  const clientAddress = createClientAddress(settings.trustProxy)
  const lookAtForwarded = watchForwarded(settings.trustProxy, log)
  const listener = createMountedListener(
    (request, received) => {
      if (received) lookAtForwarded(received.remoteAddress, received.rawHeaders)
      const seen = received && {
        ...received,
        remoteAddress: clientAddress(received.remoteAddress, received.rawHeaders),
      }
      return server.handler(request, seen, requestId())
    },
    // Nothing that the server takes is larger than a form.
    { origin: settings.issuer, maxBody: maxFormBytes },
  )
  const { connections } = settings.limits
  const {
    idlePerAddress = Math.ceil(connections / 4),
    connectionsPerNetwork: perNetwork = Math.ceil(connections / 2),
  } = settings.limits
  const queue = createConnectionQueue()
  const observed = observe((incoming, outgoing) => void listener(incoming, outgoing))
  const enqueue: RequestListener = (incoming, outgoing) =>
    queue.run(incoming, outgoing, () => observed(incoming, outgoing))
  // Node.js would respond to a request without Host, or with another Expect, past the queue.
  const http = createServer({ ...httpTimes, requireHostHeader: false }, enqueue).on('checkExpectation', enqueue)
  const open = createStoppableServer(http)
  limitConnections(open.server, {
    total: connections,
    idlePerAddress,
    perNetwork,
    isExempt: createTrustedPeers(settings.trustProxy),
  })
  const readinessProblem = createReadinessView(
    { isStopping: () => open.stopping, ready: () => server.ready(), describe: describeUnready },
    log,
  )
  const port = isIssuerPort(settings) ? 'the port of issuer' : 'listen.port'
  const { listen: at, admin } = settings
  return listenWithAdmin(open, {
    listen: at,
    settings: { host: 'listen.host', port },
    admin: admin && { ...admin, port: ownAdminPort(admin.port) },
    connections,
    readinessProblem,
    metrics,
  })
}
