import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Metrics, MetricsOptions } from 'countersign/metrics'
import { createConnectionQueue } from 'countersign/node'
import { CommandError, errorCode } from '../command/errors.js'
import type { ServerLog } from '../terminal/server-log.js'

interface ListenWithAdminOptions {
  /** The address on which the public server listens. */
  listen: { host: string; port: number }
  /** The settings to mention in the error if that port cannot be opened. */
  settings: ListenerSettings
  /** The admin port for operators; undefined for no admin port. */
  admin: { host: string; port: number; hosts?: readonly string[] | undefined; metrics: Metrics } | undefined
  /** Maximum number of connections to the admin port. */
  connections: number
  readinessProblem: () => Promise<string | undefined>
}

/** Creates metrics; undefined without an admin port, from which alone they can be read. */
export async function openMetrics(
  { admin }: { admin?: object | undefined },
  options: MetricsOptions,
): Promise<Metrics | undefined> {
  return admin && (await import('countersign/metrics')).createMetrics(options)
}

/** HTTP timeouts of both ports. */
export const httpTimes = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 75_000 }

/**
 * Opens a server's port and its admin port. The admin port closes last, and until then reports that the server is stopping.
 *
 * @returns a function that stops both
 * @throws CommandError with the setting to change; nothing is left open in that case
 */
export async function listenWithAdmin(
  open: StoppableServer,
  { listen, settings, admin, connections, readinessProblem }: ListenWithAdminOptions,
): Promise<() => Promise<void>> {
  const operators =
    admin &&
    createStoppableServer(
      createServer(
        httpTimes,
        createAdminListener({ readinessProblem, ...admin }, [admin.host, ...(admin.hosts ?? [])]),
      ),
    )
  if (operators) operators.server.maxConnections = connections
  await openListener(open.server, listen, settings)
  try {
    if (operators) await openListener(operators.server, admin, { host: 'admin.host', port: 'admin.port' })
  } catch (error) {
    await open.stop()
    throw error
  }
  return async () => {
    const end = performance.now() + patience
    await open.stop()
    await operators?.stop(Math.max(0, end - performance.now()))
  }
}

/** The content of the admin port. */
interface AdminView {
  /** Why no requests should be sent to this server; undefined if it is ready, which means that it can write and sign. */
  readinessProblem(): Promise<string | undefined>
  metrics: Metrics
}

/**
 * Serves `/healthz`, `/readyz` and `/metrics` on a separate port; the public port returns 404 for them (attacks O08). The `Host` of a
 * request must be one of the given hosts, `localhost`, or the address at which the request arrived. Other requests get 421, so that a web
 * page cannot read the responses through its own DNS name.
 */
function createAdminListener(view: AdminView, hosts: readonly string[]): RequestListener {
  const names = new Set(['localhost', '127.0.0.1', '::1', ...hosts].map((host) => host.toLowerCase()))
  const pages: Readonly<Record<string, () => Promise<readonly [status: number, text: string, type?: string]>>> = {
    '/healthz': async () => [200, 'alive\n'],
    '/readyz': async () => {
      const problem = await view.readinessProblem()
      return problem === undefined ? [200, 'ready\n'] : [503, `not ready: ${problem}\n`]
    },
    '/metrics': async () => [200, await view.metrics.registry.metrics(), view.metrics.registry.contentType],
  }
  const respond: RequestListener = (incoming, outgoing) => {
    const path = (incoming.url ?? '').split('?', 1)[0] ?? ''
    const page = Object.hasOwn(pages, path) && incoming.method === 'GET' ? pages[path] : undefined
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      outgoing.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
    const host = hostOf(incoming)
    if (host === undefined || !(names.has(host) || host === localAddress(incoming))) {
      answer(
        421,
        'This port does not serve that host. Use localhost or the address of this port, or add the host to admin.hosts.\n',
      )
      return
    }
    if (!page) {
      answer(404, 'not found\n')
      return
    }
    page().then(
      ([status, text, type]) => answer(status, text, type),
      () => answer(503, 'not ready\n'),
    )
  }
  const queue = createConnectionQueue()
  return function adminListener(incoming, outgoing) {
    queue.run(incoming, outgoing, () => respond(incoming, outgoing))
  }
}

/** Returns a request's host without the port; undefined if there is no host, or more than one. */
function hostOf({ headersDistinct: { host = [] } }: IncomingMessage): string | undefined {
  const [, bracketed, plain] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host.length === 1 ? (host[0] ?? '') : '') ?? []
  return (bracketed ?? plain)?.toLowerCase() || undefined
}

function localAddress({ socket }: IncomingMessage): string | undefined {
  return socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '')
}

/** Problems with the address itself, independent of the port. */
const aboutHost: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAI_AGAIN', 'EINVAL', 'ENOTFOUND'])

/** The settings to mention in the error if a port cannot be opened. */
interface ListenerSettings {
  host: string
  port: string
}

/** Opens a server's port. @throws CommandError with the setting to change, or that another process must be stopped */
async function openListener(
  server: Server,
  { host, port }: { host: string; port: number },
  settings: ListenerSettings,
) {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (cause) {
    const code = errorCode(cause)
    const why =
      code === 'EADDRINUSE' ? 'is already in use: stop the process that is using it, or' : `cannot be opened (${code}):`
    const setting = aboutHost.has(code) ? settings.host : settings.port
    throw new CommandError(`Port ${port} on ${host} ${why} change ${setting}.`, { cause })
  }
}

/**
 * How long an idle keep-alive connection may still be used for one more request, in milliseconds. The response to that request has
 * `Connection: close`.
 */
const linger = 1000
/** Milliseconds after which requests that are still running are aborted. */
const patience = 8000

/** An HTTP server that can stop without failing any request. */
interface StoppableServer {
  readonly server: Server
  readonly stopping: boolean
  /**
   * Stops accepting connections, finishes running requests, and resolves when every connection is closed. @param time time limit, in
   * milliseconds
   */
  stop(time?: number): Promise<void>
}

/** Tracks a server's pending responses, so that it can stop gracefully. Does not start listening. */
export function createStoppableServer(server: Server): StoppableServer {
  const running = new Set<ServerResponse>()
  let stopping = false
  function follow(_incoming: IncomingMessage, outgoing: ServerResponse): void {
    running.add(outgoing)
    outgoing.once('close', () => running.delete(outgoing))
    if (stopping) outgoing.setHeader('connection', 'close')
  }
  server.prependListener('request', follow)
  // Without a listener for this event, Node responds with 100 Continue itself, and emits `request`.
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', follow)

  async function stop(time = patience): Promise<void> {
    stopping = true
    for (const outgoing of running) if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
    const closed = new Promise<void>((resolve) => {
      // The `close` method in node:http also closes idle connections, on which a request may already be in transit.
      NetServer.prototype.close.call(server, () => resolve())
    })
    const began = performance.now()
    const closing = setInterval(() => {
      if (performance.now() - began >= linger) server.closeIdleConnections()
    }, 100)
    const late = setTimeout(() => server.closeAllConnections(), time)
    await closed
    clearInterval(closing)
    clearTimeout(late)
  }

  return {
    server,
    get stopping() {
      return stopping
    },
    stop,
  }
}

interface ReadinessViewOptions {
  isStopping: () => boolean
  /** Rejects if no requests should be sent to this server. */
  ready: () => Promise<void>
  /** Describes the reason for the rejection. */
  describe: (error: unknown) => string
}

/** Creates the function that returns why no requests should be sent to this server. The full error is logged once per change. */
export function createReadinessView(
  { isStopping, ready, describe }: ReadinessViewOptions,
  log: ServerLog,
): () => Promise<string | undefined> {
  let told: string | undefined

  async function problemOf(): Promise<{ problem: string; error?: unknown } | undefined> {
    if (isStopping()) return { problem: 'the server is stopping' }
    try {
      await ready()
      return undefined
    } catch (error) {
      return { problem: describe(error), error }
    }
  }

  return async function readinessProblem() {
    const found = await problemOf()
    if (found?.problem === told) return told
    told = found?.problem
    if (found?.error !== undefined) log.failure('not_ready', found.error, { problem: found.problem })
    else if (!found) log.write('info', 'ready')
    return told
  }
}
