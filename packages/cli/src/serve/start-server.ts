import { createServer, type RequestListener } from 'node:http'
import { type CertificateFinder, isLoopbackIdentifier } from 'countersign/discovery'
import { maxFormBytes } from 'countersign/editions'
import type { Metrics } from 'countersign/metrics'
import {
  ConfigurationError,
  createClientAddress,
  createConnectionQueue,
  createMountedListener,
  createTrustedPeers,
  limitConnections,
  refuseUnreadable,
} from 'countersign/node'
import {
  createAuthServer,
  januaryServer,
  KeyError,
  type LoadedConfig,
  type LogoReEncoder,
  loadEmailSender,
  loadLogoReEncoder,
  readCertificates,
  readConfig,
  readMasterKey,
  requireOwnDatabase,
  requireSafeStart,
  type SendEmail,
  type Storage,
  StorageError,
  serverOptions,
  startKeyRotation,
  storedKeys,
} from 'countersign-server'
import { databaseProblem, openStorage } from '../database/open-storage.js'
import {
  loadOtherEditions,
  openOtherEditions,
  openPersonalAgents,
  requireUsableEditions,
} from '../editions/server-editions.js'
import {
  createReadinessView,
  createStoppableServer,
  httpTimes,
  listenWithAdmin,
  openMetrics,
} from '../network/listen-with-admin.js'
import type { ServerLog } from '../terminal/server-log.js'
import { workerAdminPort } from '../workers/run-workers.js'
import { watchPolicies } from './follow-policies.js'
import { createObserver, logFailure, type Observer, watchForwarded } from './observe-server.js'

/** A running server. */
interface RunningServer {
  /** Whether the keys were created during this startup. */
  firstStart: boolean
  /** Finishes running requests and closes everything, within 10 s. */
  readonly stop: () => Promise<void>
}

/**
 * Opens the database, creates or opens the keys, and starts listening.
 *
 * @throws CommandError, KeyError or TypeError with a message for the operator; nothing is left open in that case
 */
export async function startServer(
  config: LoadedConfig,
  {
    masterKey,
    certificates,
    reEncodeLogo,
    sendEmail,
    log,
    env,
  }: StartFiles & { log: ServerLog; env: NodeJS.ProcessEnv },
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
  const followed = watchPolicies(config, env, log)
  try {
    const metrics = await openMetrics(settings, {
      config: followed.state,
      logWriteErrors: () => log.writeErrors,
      pool: storage.connections,
      retentionLag: () => (performance.now() - sweptAt) / 1000,
    })
    const observer = createObserver((event) => {
      log.onEvent(event)
      metrics?.onEvent(event)
    })
    await requireOwnDatabase(storage, settings.issuer)
    const firstStart = (await storage.listKeys()).length === 0
    const keys = await storedKeys({ storage, masterKey })
    const editions = await loadOtherEditions(settings)
    const others = await openOtherEditions(editions, settings, { storage, masterKey })
    const options = {
      ...serverOptions(settings),
      policies: [],
      policy: followed.policy,
      certificates,
      reEncodeLogo,
      sendEmail,
      keys,
      personalAgents: await openPersonalAgents(settings, { storage, masterKey }),
      storage,
      onEvent: observer.onEvent,
      onError: (error: unknown, requestId: string) => logFailure(log, 'request.failed', error, { id: requestId }),
    }
    const server = createAuthServer(options, januaryServer, ...others)
    await server.ready().catch((error: unknown) => {
      // Until the clock is correct, the server serves what it can, but is not ready.
      if (!(error instanceof StorageError) || error.code !== 'clock_skew') throw error
      log.failure('clock_skew', error)
    })
    const stopListening = await listen(server, settings, { log, metrics, observer })
    const rotations = [januaryServer, ...editions].map(({ name: edition, tokenLifetime }) =>
      startRotation(settings, { storage, masterKey, edition, tokenLifetime, log }),
    )
    const stop = async () => {
      followed.stop()
      await Promise.all([stopListening(), ...rotations.map((stopRotation) => stopRotation())])
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
  {
    storage,
    masterKey,
    edition,
    tokenLifetime = lifetimes.authToken,
    log,
  }: {
    storage: Storage
    masterKey: Uint8Array
    edition: string
    tokenLifetime: number | undefined
    log: ServerLog
  },
): () => Promise<void> {
  if (rotateAfter === 0) return async () => undefined
  return startKeyRotation({
    storage,
    masterKey,
    edition,
    tokenLifetime,
    rotateAfter,
    onRotated: ({ activated, retiring, gone, next }) =>
      log.write('info', 'keys.rotated', {
        activated,
        retiring: retiring.map(({ kid }) => kid).join(' '),
        gone: gone.join(' '),
        next,
        edition,
      }),
    onError: (error) => logFailure(log, 'keys.rotation_failed', error, { edition }),
  })
}

/** How requests are observed. */
interface Watch {
  log: ServerLog
  metrics: Metrics | undefined
  observer: Observer
}

async function listen(
  server: ReturnType<typeof createAuthServer>,
  settings: LoadedConfig['settings'],
  { log, metrics, observer: { observe, requestIdOf } }: Watch,
): Promise<() => Promise<void>> {
  const clientAddress = createClientAddress(settings.trustProxy)
  const lookAtForwarded = watchForwarded(settings.trustProxy, log)
  const listener = createMountedListener(
    (request, received) => {
      if (!received) return server.handler(request)
      lookAtForwarded(received.remoteAddress, received.rawHeaders)
      const remoteAddress = clientAddress(received.remoteAddress, received.rawHeaders)
      return server.handler(request, { ...received, remoteAddress }, requestIdOf(received))
    },
    // The server accepts no body larger than a form.
    { origin: settings.issuer, maxBody: maxFormBytes },
  )
  const { connections } = settings.limits
  const {
    idlePerAddress = Math.ceil(connections / 4),
    connectionsPerNetwork: perNetwork = Math.ceil(connections / 2),
  } = settings.limits
  const queue = createConnectionQueue(clientAddress)
  const observed = observe((incoming, outgoing) => void listener(incoming, outgoing))
  const enqueue: RequestListener = (incoming, outgoing) =>
    queue.run(incoming, outgoing, () => observed(incoming, outgoing))
  // Otherwise, Node.js would respond to a request without a Host header, or with an unknown Expect value, bypassing the queue.
  const http = createServer({ ...httpTimes, requireHostHeader: false }, enqueue).on('checkExpectation', enqueue)
  const open = createStoppableServer(http)
  refuseUnreadable(http)
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
  const port = isIssuerPort(settings)
    ? 'the port of issuer, which is possible only before the first start'
    : 'listen.port'
  const { listen: at, admin } = settings
  return listenWithAdmin(open, {
    listen: at,
    settings: { host: 'listen.host', port },
    admin: admin && metrics && { ...admin, port: workerAdminPort(admin.port), metrics },
    connections,
    readinessProblem,
  })
}

/** What startup requires, in addition to the settings. */
export interface StartFiles {
  masterKey: Uint8Array
  certificates: CertificateFinder | undefined
  reEncodeLogo: LogoReEncoder | undefined
  sendEmail: SendEmail | undefined
}

/**
 * Reads a configuration and the files to which it refers, and checks that it is safe to start with them.
 *
 * @throws ConfigurationError with all problems that prevent startup, not only the invalid settings
 */
export async function readForStart(
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<{ config: LoadedConfig; files: StartFiles }> {
  const read = await readConfig(path, env)
  const readings = [
    requireSafeStart(read, env),
    readMasterKey(read),
    requireUsableEditions(read),
    readCertificates(read),
    loadLogoReEncoder(read),
    loadEmailSender(read),
  ] as const
  const problems = [...read.problems]
  for (const outcome of await Promise.allSettled(readings)) {
    if (outcome.status === 'fulfilled') continue
    if (!(outcome.reason instanceof ConfigurationError)) throw outcome.reason
    problems.push(...outcome.reason.problems.filter(({ setting }) => !isReported(setting, read.problems)))
  }
  if (!read.loaded || problems.length > 0) throw new ConfigurationError(read.file, problems)
  const [, masterKey, , certificates, reEncodeLogo, sendEmail] = await Promise.all(readings)
  return { config: read.loaded, files: { masterKey, certificates, reEncodeLogo, sendEmail } }
}

/** Whether a problem with a setting has already been reported. `masterKey` seems to be missing if `masterKeyFile` is invalid. */
function isReported(setting: string, problems: ConfigurationError['problems']): boolean {
  const isKey = (name: string) => name.startsWith('masterKey')
  return problems.some((other) => other.setting === setting || (isKey(other.setting) && isKey(setting)))
}

/** Whether the server listens on the port of a loopback issuer, without a proxy. */
export function isIssuerPort({ issuer, listen }: LoadedConfig['settings']): boolean {
  return isLoopbackIdentifier(issuer) && Number(new URL(issuer).port) === listen.port
}

/** Describes why no requests should be sent to the auth server. */
function describeUnready(error: unknown): string {
  if (error instanceof KeyError) return 'the signing key is unavailable'
  if (error instanceof StorageError && error.code === 'unavailable')
    return 'the database does not respond, or cannot be written to'
  if (error instanceof StorageError && error.code === 'clock_skew') return `clock_skew: ${error.message}`
  if (error instanceof StorageError && error.code === 'other_issuer') return 'the database belongs to another issuer'
  return 'unexpected error; see the log'
}
