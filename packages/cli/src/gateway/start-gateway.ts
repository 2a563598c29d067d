import type { CountersignEvent } from 'countersign'
import { type ConfigState, createMetrics, type Log } from 'countersign/observability'
import { createConfiguredGateway, type Gateway, type LoadedGatewayConfig } from 'countersign-gateway'
import { createReadinessView, createStoppableServer, listenWithAdmin } from '../network/listen-with-admin.js'
import { ownAdminPort } from '../workers/run-workers.js'
import type { OpenMemory } from './open-shared-memory.js'

/** Milliseconds after which streams without an end are ended, so that the rest can come to its end. */
const streamGrace = 4000

/** A gateway that runs. */
export interface RunningGateway extends Pick<Gateway<LoadedGatewayConfig>, 'use'> {
  /** Answers what has begun, ends streams, and closes everything: within 10 s. */
  readonly stop: () => Promise<void>
}

/**
 * Opens the ports.
 *
 * @param given.state how reading the configuration again went
 * @throws CommandError with a sentence for the operator; nothing is left open then
 */
export async function startGateway(
  config: LoadedGatewayConfig,
  { memory, log, state }: { memory: OpenMemory; log: Log; state: () => ConfigState },
): Promise<RunningGateway> {
  const metrics = createMetrics({ logWriteErrors: () => log.writeErrors, config: state })
  const gateway = createConfiguredGateway(config, {
    shared: memory.shared,
    onEvent(event) {
      if (!isToldByGateway(event)) log.onEvent(event)
      metrics.onEvent(event)
    },
  })
  const open = createStoppableServer(gateway.server)
  const { listen, admin } = config.settings
  const stopListening = await listenWithAdmin(open, {
    listen,
    settings: { host: 'listen.host', port: 'listen.port' },
    admin: admin && { ...admin, port: ownAdminPort(admin.port) },
    connections: 256,
    readinessProblem: createReadinessView(
      {
        isStopping: () => open.stopping,
        ready: memory.ready,
        describe: () => 'Redis does not answer',
      },
      log,
    ),
    metrics,
  })
  return {
    use: gateway.use,
    async stop() {
      const ending = setTimeout(() => gateway.endStreams(), streamGrace)
      await stopListening()
      clearTimeout(ending)
      gateway.close()
      memory.close()
    },
  }
}

/** That a request was verified is told again when it is answered. */
function isToldByGateway({ kind, role }: CountersignEvent): boolean {
  return kind === 'request' && role === 'resource'
}
