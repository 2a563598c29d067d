import { AsyncLocalStorage } from 'node:async_hooks'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Route } from 'countersign-gateway'

/** A request as it is forwarded. */
export interface TriedRequest {
  method: string
  /** Request target, byte for byte as in the request line. */
  target: string
}

/** With this, a handler of the router under test reports which route it stands for. */
export type Report = (row: number) => void

/** A handler that ran. */
export interface Ran {
  row: number
  /** Which of several routers ran it, if one run tries several. */
  by?: string
}

/** Runs requests and returns the handlers that ran for each. Undefined if the router does not accept the routes. */
export type Run = (requests: readonly TriedRequest[]) => Promise<readonly (readonly Ran[])[] | undefined>

/** A router as an API uses it. */
export interface RouterUnderTest {
  name: string
  /** Ignores case, so that no route may have `case: 'kept'`. @default false */
  ignoresCase?: boolean
  /** Treats index files as their folders, so that no route may have `endings: 'kept'`. @default false */
  ignoresIndex?: boolean
  /** Decodes delimiters before matching, so that no route may have `encoded`. @default false */
  decodes?: boolean
  /**
   * Mounts a handler for each route.
   *
   * @param frontController Whether any query parameter may contain the path
   * @throws if the router has no syntax for one of the routes, or considers two of them equal
   */
  mount: (routes: readonly Route[], frontController: boolean) => Promise<Run>
}

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** What the handlers of the request that runs report to. */
const running = new AsyncLocalStorage<Report>()

/**
 * Passes requests to a `node:http` listener as its parser would, without a connection: no URL class processes the target first.
 *
 * @param open Creates the listener; its handlers call `report`
 */
export async function runByListener(open: (report: Report) => Listener | Promise<Listener>): Promise<Run> {
  const listener = await open((row) => running.getStore()?.(row))

  function runOne(request: TriedRequest): Promise<readonly Ran[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`No response to ${request.method} ${request.target}`)), 30_000)
      const settle = (ran: readonly Ran[]) => {
        clearTimeout(timer)
        resolve(ran)
      }
      const incoming = incomingOf(request)
      const outgoing = new ServerResponse(incoming)
      // Without a connection nothing is flushed, so the response ends when `end` is called.
      outgoing.end = () => {
        settle([])
        return outgoing
      }
      running.run(
        (row) => settle([{ row }]),
        () => listener(incoming, outgoing),
      )
    })
  }

  return async (requests) => {
    const ran: (readonly Ran[])[] = []
    try {
      for (const request of requests) ran.push(await runOne(request))
    } finally {
      // While a storage is enabled, Node writes its value to each new promise of the process, and slows down all that runs later.
      running.disable()
    }
    return ran
  }
}

function incomingOf({ method, target }: TriedRequest): IncomingMessage {
  const incoming = new IncomingMessage(new Socket())
  incoming.method = method
  incoming.url = target
  incoming.httpVersion = '1.1'
  incoming.headers = { host: 'api.example' }
  incoming.rawHeaders = ['Host', 'api.example']
  incoming.push(null)
  return incoming
}
