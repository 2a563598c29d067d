import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { Refusal } from 'countersign-server'
import type { Log } from './create-log.js'
import type { RequestCounts } from './request-counts.js'

/** Counts and logs what listeners answer. */
export interface Observer {
  readonly observe: (listener: RequestListener) => RequestListener
  /** The id of the request that is being answered, as in the log. */
  readonly requestId: () => string | undefined
  /** Why the request that is being answered is refused: its line of the log says so. */
  readonly noteRefusal: (refusal: Refusal) => void
}

interface Observed {
  readonly id: string
  refusal?: Refusal
}

export function createObserver(log: Log, counts: RequestCounts): Observer {
  const requests = new AsyncLocalStorage<Observed>()
  return {
    requestId: () => requests.getStore()?.id,
    noteRefusal(refusal) {
      const observed = requests.getStore()
      if (observed) observed.refusal = refusal
    },
    observe: (listener) => (incoming, outgoing) => {
      const observed: Observed = { id: randomUUID() }
      const began = performance.now()
      outgoing.once('close', () => {
        const status = outgoing.statusCode
        counts.add(status)
        log.write('info', 'request', {
          id: observed.id,
          method: incoming.method,
          path: (incoming.url ?? '').split('?', 1)[0]?.slice(0, 256),
          ...observed.refusal,
          status,
          ms: Math.round((performance.now() - began) * 10) / 10,
          aborted: outgoing.writableFinished ? undefined : true,
        })
      })
      requests.run(observed, () => listener(incoming, outgoing))
    },
  }
}
