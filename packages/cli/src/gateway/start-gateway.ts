import type { CountersignEvent } from 'countersign'
import type { ConfigState } from 'countersign/metrics'
import { createConfiguredGateway, type Gateway, type LoadedGatewayConfig } from 'countersign-gateway'
import {
  createReadinessView,
  createStoppableServer,
  listenWithAdmin,
  openMetrics,
} from '../network/listen-with-admin.js'
import type { ServerLog } from '../terminal/server-log.js'
import { workerAdminPort } from '../workers/run-workers.js'
import type { OpenMemory } from './open-shared-memory.js'

/** Time in milliseconds after which open-ended streams are closed, so that other requests can finish. */
const streamGrace = 4000

/** A running gateway. */
export interface RunningGateway extends Pick<Gateway<LoadedGatewayConfig>, 'use'> {
  /** Finishes pending requests, closes streams, and closes everything else, within 10 s. */
  readonly stop: () => Promise<void>
}

/**
 * Opens the ports.
 *
 * @param given.state the outcome of the last configuration reload
 * @throws CommandError with a message for the operator; nothing is left open in that case
 */
export async function startGateway(
  config: LoadedGatewayConfig,
  { memory, log, state }: { memory: OpenMemory; log: ServerLog; state: () => ConfigState },
): Promise<RunningGateway> {
  const metrics = await openMetrics(config.settings, { logWriteErrors: () => log.writeErrors, config: state })
  const gateway = createConfiguredGateway(config, {
    shared: memory.shared,
    onEvent(event) {
      if (!isToldByGateway(event)) log.onEvent(event)
      metrics?.onEvent(event)
    },
  })
  const open = createStoppableServer(gateway.server)
  const { listen, admin } = config.settings
  const stopListening = await listenWithAdmin(open, {
    listen,
    settings: { host: 'listen.host', port: 'listen.port' },
    admin: admin && metrics && { ...admin, port: workerAdminPort(admin.port), metrics },
    connections: 256,
    readinessProblem: createReadinessView(
      {
        isStopping: () => open.stopping,
        ready: memory.ready,
        describe: () => 'Redis is not responding',
      },
      log,
    ),
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

/** Whether an event only reports that a request was verified. The gateway reports such a request again with its response. */
function isToldByGateway({ kind, role }: CountersignEvent): boolean {
  return kind === 'request' && role === 'resource'
}
