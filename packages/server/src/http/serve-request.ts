import { randomUUID } from 'node:crypto'
import { AAuthError, type ReceivedMessage } from 'countersign'
import { maxFormBytes, type Refusal, type ResourceEdition } from 'countersign/editions'
import { receiveRequest } from 'countersign/signatures'
import type { FairQueueEntry } from '../lib/fair-queue.js'
import { requireOwnDatabase } from '../storage/api/deployment-storage.js'
import { StorageError } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'
import { readCookie } from './cookies.js'
import { createCompression } from './html-response.js'
import { PageError } from './page-error.js'
import { createProblemResponses } from './problem-response.js'
import { type Outcome, refusalResponse } from './refusal-response.js'
import type { Arrival, Endpoint, Route } from './route.js'

/**
 * Creates the handler for a routing table. It admits a request, finds its endpoint, turns thrown errors into refusals, and reports the
 * outcome to events and the audit log.
 *
 * @param edition the edition in which agents are refused at paths that no edition has
 */
export function createRequestHandler(
  context: ServerContext,
  routes: readonly Route[],
  edition: Pick<ResourceEdition, 'writeRefusal'>,
): (request: Request, received?: ReceivedMessage, requestId?: string) => Promise<Response> {
  const ownership = createOwnershipCheck(context)
  const findRoute = createRouteFinder(routes)
  const admit = createAdmission(context)
  const problemResponse = createProblemResponses(context)
  const compress = createCompression()

  async function respond(arrival: Arrival, path: string, route: Route | undefined): Promise<Outcome> {
    try {
      if (!ownership.isKnown) await ownership.check()
      requirePlainPath(arrival.received, path)
      if (!route) throw new PageError('not_found')
      const { method } = arrival.received
      const preflight = method === 'OPTIONS' ? preflightResponse(route) : undefined
      return { response: preflight ?? (await requireEndpoint(route, method)(arrival)) }
    } catch (error) {
      return refuse(arrival, path, route, error)
    }
  }

  function refuse(arrival: Arrival, path: string, route: Route | undefined, error: unknown): Outcome {
    const caller = route?.caller ?? (path.startsWith('/.well-known/') ? 'agent' : 'browser')
    const outcome =
      caller === 'agent'
        ? refusalResponse(context, arrival, {
            thrown: error,
            edition: route?.edition ?? edition,
            writeRefusal: route?.writeRefusal,
          })
        : problemResponse(arrival, error)
    if (route && outcome.response.status === 405) {
      outcome.response.headers.set('allow', Object.keys(route.methods).join(', '))
    }
    return outcome
  }

  return async function handleRequest(request, received = receiveRequest(request), requestId = randomUUID()) {
    const began = performance.now()
    const sent = pathSent(received)
    const found = findRoute(sent)
    // If the raw path is in the table, it needs no parsing.
    const pathname = found?.id === '' ? sent : new URL(request.url).pathname
    const { route, id = '' } = (pathname === sent ? found : findRoute(pathname)) ?? {}
    const arrival = { request, received, requestId, id }
    const finish = async ({ response, refusal }: Outcome): Promise<Response> => {
      if (refusal) await recordRefusal(context, arrival, refusal)
      reportRequest(context, arrival, { route, status: response.status, refusal, began })
      if (route?.caller === 'agent') showToPages(response)
      const { status, headers } = response
      if (received.method === 'HEAD') return new Response(null, { status, headers })
      return route?.caller === 'agent' ? response : compress(request, response)
    }
    return admit(arrival, route, {
      serve: async () => finish(await respond(arrival, pathname, route)),
      shed: (error) => finish(refuse(arrival, pathname, route, error)),
    })
  }
}

// A proxy that blocks some paths must see the same path that is served here (attacks S28).
function requirePlainPath(received: ReceivedMessage, path: string): void {
  if (pathSent(received) === path) return
  throw new AAuthError('target_ambiguous', 'Send a normalized path, without dot segments.')
}

function pathSent({ rawTarget }: ReceivedMessage): string {
  const end = rawTarget.indexOf('?')
  return end === -1 ? rawTarget : rawTarget.slice(0, end)
}

function requireEndpoint({ methods }: Route, method: string): Endpoint {
  const served = method === 'HEAD' ? 'GET' : method
  const endpoint = Object.hasOwn(methods, served) ? methods[served] : undefined
  if (!endpoint) throw new PageError('method_not_allowed')
  return endpoint
}

/** Emits the event for a refusal, and adds the refusal to the audit log if it is of a kind that operators need to see. */
async function recordRefusal(
  { tell, recorder, onError }: ServerContext,
  { received, requestId }: Arrival,
  refusal: Refusal,
): Promise<void> {
  tell?.({ kind: 'refusal', ...refusal, requestId })
  await recorder.recordRefusal(refusal, received.remoteAddress).catch((error: unknown) => onError(error, requestId))
}

/** Emits the event for a request. */
function reportRequest(
  { tell }: ServerContext,
  { received, requestId }: Arrival,
  outcome: { route: Route | undefined; status: number; refusal: Refusal | undefined; began: number },
): void {
  const { route, status, refusal, began } = outcome
  tell?.({
    kind: 'request',
    route: route?.path ?? 'none',
    outcome: refusal?.code ?? (status < 400 ? 'ok' : 'refused'),
    status,
    duration: (performance.now() - began) / 1000,
    method: received.method,
    path: pathSent(received).slice(0, 256),
    requestId,
  })
}

/** How to finish a request: serve it, or shed it with an error. */
interface Ways {
  serve: () => Promise<Response>
  shed: (error: AAuthError) => Promise<Response>
}

/** Serves a request, or sheds it if the server is overloaded and the caller already has its share of the queue. */
type Admit = (arrival: Arrival, route: Route | undefined, ways: Ways) => Promise<Response>

/**
 * Creates admission control. Every request, whatever its path, goes through it first, because refusals must be cheap when most requests are
 * refused. Half of the slots are reserved for known callers while they have requests; the rest are served in turn by network. Within an
 * address, requests that start a new flow yield to the others.
 */
function createAdmission(context: ServerContext): Admit {
  return async function admit(arrival, route, { serve, shed }) {
    const { startsNew } = route ?? {}
    const response = await context.workload.admit({
      weight: route === undefined || route.isLight ? 'light' : 'heavy',
      entry() {
        const { request, received } = arrival
        const path = shareOf(context, request, received.remoteAddress, route?.edition?.signing)
        return startsNew && received.method === 'POST' ? entryOfPost(path, received, startsNew) : { path }
      },
      run: serve,
    })
    return response ?? shed(overloaded[Math.floor(Math.random() * overloaded.length)] as AAuthError)
  }
}

async function entryOfPost(
  path: readonly string[],
  received: ReceivedMessage,
  startsNew: (body: string) => boolean,
): Promise<FairQueueEntry> {
  const body = await readBody(received)
  return { path, yields: body !== undefined && startsNew(new TextDecoder().decode(body)) }
}

/** Returns undefined for an unreadable body; the endpoint that reads it later refuses the request. */
async function readBody(received: ReceivedMessage): Promise<Uint8Array | undefined> {
  try {
    return await received.body(maxFormBytes)
  } catch {
    return undefined
  }
}

/**
 * One error per `Retry-After` value, so that callers do not all return at once. Each is created only once, because creating an error costs
 * as much as a response.
 */
const overloaded = [1, 2, 3].map(
  (retryAfter) => new AAuthError('unavailable', 'The server is overloaded.', { retryAfter }),
)

/**
 * Creates the check that the database belongs to this issuer. It runs even if no one called `ready`. Once it has succeeded, it costs
 * nothing.
 */
function createOwnershipCheck({ storage, issuer, lifetimes }: ServerContext) {
  const ownership = { isKnown: false, check }

  async function check(): Promise<void> {
    try {
      await requireOwnDatabase(storage, issuer, lifetimes.authToken)
      ownership.isKnown = true
    } catch (error) {
      // Documents and keys are served without the database; endpoints that need it fail on their own.
      if (!(error instanceof StorageError) || error.code !== 'unavailable') throw error
    }
  }

  return ownership
}

/** The path of the share that a request counts against under overload. Determined from unverified data, without reading the storage. */
export function shareOf(
  context: Pick<ServerContext, 'issuer' | 'knownCallers'>,
  request: Request,
  remoteAddress: string | undefined,
  signing?: ResourceEdition['signing'],
): readonly string[] {
  return context.knownCallers.shareOf({
    remoteAddress,
    signatureKey: request.headers.get('signature-key'),
    signing,
    cookies: () => ({
      known: readCookie(context, request, 'known'),
      browser: readCookie(context, request, 'browser'),
    }),
  })
}

/** The route that matches a path, and the value of the path's variable segment. */
interface FoundRoute {
  route: Route
  id: string
}

/** Creates the lookup for a routing table. Paths are compared in raw form, so a percent-encoded letter makes a different path. */
function createRouteFinder(routes: readonly Route[]): (path: string) => FoundRoute | undefined {
  const isVariable = ({ path }: Route) => path.includes(':')
  const exact = new Map(routes.filter((route) => !isVariable(route)).map((route) => [route.path, { route, id: '' }]))
  const patterns = routes.filter(isVariable).map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replace(/[.*+?$()[\]{}|\\]/g, '\\$&').replace(/:\w+/, '([^/]+)')}$`),
  }))
  return (path) => {
    const known = exact.get(path)
    if (known) return known
    for (const { route, pattern } of patterns) {
      const id = decoded(pattern.exec(path)?.[1])
      if (id !== undefined) return { route, id }
    }
    return undefined
  }
}

function decoded(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/**
 * The CORS headers of every response to an agent: any web page can be an agent, and may read what any other program can read. Such requests
 * are authenticated by their signatures or by secrets in their bodies, and never by cookies: `*` permits none (Fetch §3.2.5). Responses for
 * browsers, such as pages and the forms in them, have no CORS headers (attacks C36).
 */
const readable = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** Lets pages of any origin read a response to an agent. */
function showToPages({ headers }: Response): void {
  headers.set('access-control-allow-origin', '*')
  headers.set('access-control-expose-headers', '*')
}

/** The response to a preflight request, which is never authenticated; undefined if no page may send requests to the route. */
function preflightResponse({ caller, methods }: Route): Response | undefined {
  if (caller !== 'agent') return undefined
  return new Response(null, {
    status: 204,
    headers: {
      ...readable,
      'access-control-allow-methods': Object.keys(methods).join(', '),
      // The wildcard does not include Authorization.
      'access-control-allow-headers': '*, authorization',
      'access-control-max-age': '86400',
    },
  })
}
