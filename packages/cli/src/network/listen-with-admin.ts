import { createServer } from 'node:http'
import type { Metrics } from 'countersign/observability'
import { createAdminListener } from './admin-listener.js'
import { type ListenerSettings, openListener } from './open-listener.js'
import { createStoppableServer, patience, type StoppableServer } from './stoppable-server.js'

export interface ListenWithAdminOptions {
  /** Where the public server listens. */
  listen: { host: string; port: number }
  /** The settings to name where that port cannot be opened. */
  settings: ListenerSettings
  /** Where operators look; undefined: nowhere. */
  admin: { host: string; port: number; hosts?: readonly string[] | undefined } | undefined
  /** Connections that the admin port takes. */
  connections: number
  readinessProblem: () => Promise<string | undefined>
  metrics: Metrics
}

/** Times of HTTP that both ports have. */
export const httpTimes = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 75_000 }

/**
 * Opens a server's port, and the one for operators, which closes last: until then it says that it is stopping.
 *
 * @returns what stops both
 * @throws CommandError that names the setting to change; nothing is left open then
 */
export async function listenWithAdmin(
  open: StoppableServer,
  { listen, settings, admin, connections, readinessProblem, metrics: { registry } }: ListenWithAdminOptions,
): Promise<() => Promise<void>> {
  const view = {
    readinessProblem,
    metrics: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  }
  const operators = createStoppableServer(
    createServer(httpTimes, createAdminListener(view, admin ? [admin.host, ...(admin.hosts ?? [])] : [])),
  )
  operators.server.maxConnections = connections
  await openListener(open.server, listen, settings)
  try {
    if (admin) await openListener(operators.server, admin, { host: 'admin.host', port: 'admin.port' })
  } catch (error) {
    await open.stop()
    throw error
  }
  return async () => {
    const end = performance.now() + patience
    await open.stop()
    if (admin) await operators.stop(Math.max(0, end - performance.now()))
  }
}
