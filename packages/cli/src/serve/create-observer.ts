import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { Log } from './create-log.js'
import type { RequestCounts } from './request-counts.js'

/** Counts and logs what listeners answer. */
export interface Observer {
  readonly observe: (listener: RequestListener) => RequestListener
  /** The id of the request that is being answered, as in the log. */
  readonly requestId: () => string | undefined
}

export function createObserver(log: Log, counts: RequestCounts): Observer {
  const requestIds = new AsyncLocalStorage<string>()
  return {
    requestId: () => requestIds.getStore(),
    observe: (listener) => (incoming, outgoing) => {
      const id = randomUUID()
      const began = performance.now()
      outgoing.once('close', () => {
        const status = outgoing.statusCode
        counts.add(status)
        log.write('info', 'request', {
          id,
          method: incoming.method,
          path: (incoming.url ?? '').split('?', 1)[0]?.slice(0, 256),
          status,
          ms: Math.round((performance.now() - began) * 10) / 10,
          ...(outgoing.writableFinished ? {} : { aborted: true }),
        })
      })
      requestIds.run(id, () => listener(incoming, outgoing))
    },
  }
}
