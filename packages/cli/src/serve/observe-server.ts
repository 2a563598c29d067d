import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { CountersignEvent } from 'countersign'
import { errorReasons } from 'countersign/discovery'
import { createClientAddress, createTrustedPeers } from 'countersign/node'
import type { Log, LogFields } from 'countersign/observability'
import { StorageError } from 'countersign-server'

/** Gives requests their ids, and tells of those that never came to the server's handler. */
export interface Observer {
  readonly observe: (listener: RequestListener) => RequestListener
  /** The id of the request that is being answered, as in the log. */
  readonly requestId: () => string | undefined
  /** Tells on what the server tells. */
  readonly onEvent: (event: CountersignEvent) => void
}

interface Observed {
  readonly id: string
  isTold: boolean
}

/** @param tell told every event, of the server and of what it never saw: a request that is malformed or was broken off */
export function createObserver(tell: (event: CountersignEvent) => void): Observer {
  const requests = new AsyncLocalStorage<Observed>()
  return {
    requestId: () => requests.getStore()?.id,
    onEvent(event) {
      const observed = event.kind === 'request' ? requests.getStore() : undefined
      if (observed) observed.isTold = true
      tell(event)
    },
    observe: (listener) => (incoming, outgoing) => {
      const observed: Observed = { id: randomUUID(), isTold: false }
      const began = performance.now()
      outgoing.once('close', () => {
        if (observed.isTold) return
        tell({
          kind: 'request',
          role: 'authServer',
          route: 'none',
          outcome: outgoing.writableFinished ? 'unread' : 'aborted',
          status: outgoing.statusCode,
          duration: (performance.now() - began) / 1000,
          method: incoming.method,
          path: (incoming.url ?? '').split('?', 1)[0]?.slice(0, 256),
          requestId: observed.id,
        })
      })
      requests.run(observed, () => listener(incoming, outgoing))
    },
  }
}

/** A chain of causes may be a circle. */
const deepest = 5

/** Writes what failed: with its stack where the program may be wrong, and in one line where the database is away. */
export function logFailure(
  log: Pick<Log, 'write' | 'failure'>,
  event: string,
  error: unknown,
  fields: LogFields = {},
): void {
  const outage = outageIn(error)
  if (outage === undefined) log.failure(event, error, fields)
  else log.write('error', event, { ...fields, error: [outage.message, ...errorReasons(outage)].join(': ') })
}

function outageIn(error: unknown): StorageError | undefined {
  const causes = causesOf(error)
  // What SQLite says of a statement that does not fit the tables.
  if (causes.some((cause) => 'code' in cause && cause.code === 'SQLITE_ERROR')) return undefined
  return causes.filter((cause) => cause instanceof StorageError).find(({ code }) => code === 'unavailable')
}

/** The error and its causes. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && causes.length < deepest; ) {
    causes.push(cause)
    ;({ cause } = cause)
  }
  return causes
}

/** Addresses that are told of at most: anybody who reaches the port can send the header. */
const most = 16

/** Looks at who sends `X-Forwarded-For`. */
type ForwardedWatch = (peer: string | undefined, rawHeaders: readonly string[]) => void

/**
 * Tells once of each address that sends `X-Forwarded-For` and is not among the proxies: if it is one, all clients behind it are
 * one address, and are limited together.
 */
export function watchForwarded(trusted: readonly string[], log: Pick<Log, 'write'>): ForwardedWatch {
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
      mend: 'If this is your proxy, add its address to trustProxy and restart: until then everyone behind it counts as one address, and under overload has one share. If not, let a firewall pass only the proxy to this port.',
    })
  }
}

const isForwardedFor = (name: string, at: number) => at % 2 === 0 && name.toLowerCase() === 'x-forwarded-for'
