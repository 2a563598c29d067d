import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { CountersignEvent, ReceivedMessage } from 'countersign'
import { causeMessages } from 'countersign/discovery'
import type { LogFields } from 'countersign/log'
import { createClientAddress, createTrustedPeers, type HeadWriter, nodeResponseOf } from 'countersign/node'
import { StorageError } from 'countersign-server/operate'
import type { ServerFailure, ServerLog } from '../terminal/server-log.js'

/** Assigns ids to requests, and reports those that never reached the server's handler. */
export interface Observer {
  readonly observe: (listener: RequestListener) => RequestListener
  /** Id of the request with this message, as in the log; undefined if no observed listener received it. */
  readonly requestIdOf: (received: ReceivedMessage) => string | undefined
  /** Forwards the server's events. */
  readonly onEvent: (event: CountersignEvent) => void
}

/** On a response: the id of its request. */
const requestId = Symbol('request id')

/**
 * @param tell called with every event: those from the server, and those for requests that never reached it because they were malformed or
 * aborted
 */
export function createObserver(tell: (event: CountersignEvent) => void): Observer {
  /** Ids of the open requests that no event has reported. */
  const unreported = new Set<string>()
  return {
    requestIdOf(received) {
      const response: (HeadWriter & { [requestId]?: string }) | undefined = nodeResponseOf(received)
      return response?.[requestId]
    },
    onEvent(event) {
      if (event.kind === 'request' && event.requestId !== undefined) unreported.delete(event.requestId)
      tell(event)
    },
    observe: (listener) => (incoming, outgoing) => {
      const id = randomUUID()
      const began = performance.now()
      unreported.add(id)
      outgoing.once('close', () => {
        if (!unreported.delete(id)) return
        tell({
          kind: 'request',
          role: 'authServer',
          route: 'none',
          outcome: outgoing.writableFinished ? 'unread' : 'aborted',
          status: outgoing.statusCode,
          duration: (performance.now() - began) / 1000,
          method: incoming.method,
          path: (incoming.url ?? '').split('?', 1)[0]?.slice(0, 256),
          requestId: id,
        })
      })
      listener(incoming, Object.assign(outgoing, { [requestId]: id }))
    },
  }
}

/** Maximum depth of a cause chain; such a chain may be circular. */
const deepest = 5

/** Logs a failure: with its stack trace if the program may be at fault, and on one line if the database is unavailable. */
export function logFailure(
  log: Pick<ServerLog, 'write' | 'failure'>,
  event: ServerFailure,
  error: unknown,
  fields: LogFields = {},
): void {
  const outage = outageIn(error)
  if (outage === undefined) log.failure(event, error, fields)
  else log.write('error', event, { ...fields, error: [outage.message, ...causeMessages(outage)].join(': ') })
}

function outageIn(error: unknown): StorageError | undefined {
  const causes = causesOf(error)
  // SQLite's generic error code, for example for a statement that does not match the tables: a bug, not an outage.
  if (causes.some((cause) => 'code' in cause && cause.code === 'SQLITE_ERROR')) return undefined
  return causes.filter((cause) => cause instanceof StorageError).find(({ code }) => code === 'unavailable')
}

/** Returns the error and its causes. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && causes.length < deepest; ) {
    causes.push(cause)
    ;({ cause } = cause)
  }
  return causes
}

/** Maximum number of addresses to report, because anyone who reaches the port can send the header. */
const most = 16

/** Checks which peers send `X-Forwarded-For`. */
type ForwardedWatch = (peer: string | undefined, rawHeaders: readonly string[]) => void

/**
 * Reports an address the first time that it sends `X-Forwarded-For` without being a trusted proxy. If the address belongs to a proxy, all
 * clients behind it count as one address, and share its limits.
 */
export function watchForwarded(trusted: readonly string[], log: Pick<ServerLog, 'write'>): ForwardedWatch {
  const isProxy = createTrustedPeers(trusted)
  const addressOf = createClientAddress([])
  const told = new Set<string | undefined>()
  return (peer, rawHeaders) => {
    if (told.size === most || peer === undefined || isProxy(peer)) return
    const address = addressOf(peer, rawHeaders)
    if (told.has(address) || !rawHeaders.some(isForwardedFor)) return
    told.add(address)
    log.write('warn', 'proxy.not_trusted', {
      address,
      fix: 'If this is your proxy, add its address to trustProxy and restart: until then, all clients behind it count as one address, and share the capacity of a single client when the server is overloaded. If not, configure a firewall to allow only the proxy to connect to this port.',
    })
  }
}

const isForwardedFor = (name: string, at: number) => at % 2 === 0 && name.toLowerCase() === 'x-forwarded-for'
