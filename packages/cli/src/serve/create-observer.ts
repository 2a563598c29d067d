import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { CountersignEvent } from 'countersign'

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
