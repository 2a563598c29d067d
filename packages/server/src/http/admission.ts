import { AAuthError, type ReceivedMessage } from 'countersign'
import { maxFormBytes } from 'countersign/editions'
import type { FairQueueEntry } from '../admission/fair-queue.js'
import type { ServerContext } from './context.js'
import { readCookie } from './cookies.js'
import type { Arrival, Route } from './route.js'

/** What becomes of a request: it is served, or shed with the error that says so. */
interface Ways {
  serve: () => Promise<Response>
  shed: (error: AAuthError) => Promise<Response>
}

/** Serves a request, or sheds it if the server is overloaded and the caller has its share of what waits. */
type Admit = (arrival: Arrival, route: Route | undefined, ways: Ways) => Promise<Response>

/**
 * Creates admission control, which every request passes first, whatever its path: refusals must cost little when most
 * requests are refused. Half of the slots are for known callers while they have requests; the others are served in turn by
 * network. Within an address, what starts something new yields to the rest.
 */
export function createAdmission(context: ServerContext): Admit {
  return async function admit(arrival, route, { serve, shed }) {
    const { startsNew } = route ?? {}
    const response = await context.workload.admit({
      weight: route === undefined || route.isLight ? 'light' : 'heavy',
      entry() {
        const path = shareOf(context, arrival.request, arrival.received.remoteAddress)
        return startsNew && arrival.received.method === 'POST'
          ? entryOfPost(path, arrival.received, startsNew)
          : { path }
      },
      run: serve,
    })
    return response ?? shed(overloaded[Math.floor(Math.random() * overloaded.length)] as AAuthError)
  }
}

/** The path of the share that a request counts against under overload. Nothing that it rests on is verified; no storage is read. */
export function shareOf(
  context: Pick<ServerContext, 'issuer' | 'knownCallers'>,
  request: Request,
  remoteAddress: string | undefined,
): readonly string[] {
  return context.knownCallers.shareOf({
    remoteAddress,
    signatureKey: request.headers.get('signature-key'),
    cookies: () => ({
      known: readCookie(context, request, 'known'),
      browser: readCookie(context, request, 'browser'),
    }),
  })
}

async function entryOfPost(
  path: readonly string[],
  received: ReceivedMessage,
  startsNew: (body: string) => boolean,
): Promise<FairQueueEntry> {
  const body = await readBody(received)
  return { path, yields: body !== undefined && startsNew(new TextDecoder().decode(body)) }
}

/** Undefined for a body that cannot be read: the endpoint that reads it refuses the request. */
async function readBody(received: ReceivedMessage): Promise<Uint8Array | undefined> {
  try {
    return await received.body(maxFormBytes)
  } catch {
    return undefined
  }
}

/** One for each number of seconds, so that callers do not return all at once. Made once: an error costs as much as a response. */
const overloaded = [1, 2, 3].map(
  (retryAfter) => new AAuthError('unavailable', 'The server is overloaded.', { retryAfter }),
)
