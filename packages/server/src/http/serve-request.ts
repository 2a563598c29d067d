import { AAuthError, type ReceivedMessage } from 'countersign'
import type { Refusal } from 'countersign/editions'
import { createAdmission } from './admission.js'
import { createCompression } from './assets.js'
import type { ServerContext } from './context.js'
import { createOwnership } from './ownership.js'
import { PageError } from './page-error.js'
import { createProblemResponses } from './problem-response.js'
import { type Outcome, refusalResponse } from './refusal-response.js'
import { type Arrival, createRouteFinder, type Endpoint, type Route } from './route.js'

/**
 * Creates the handler of a table of routes: it admits a request, finds its endpoint, turns what is thrown into a refusal, and
 * reports the outcome to events and the audit log.
 */
export function createRequestHandler(
  context: ServerContext,
  routes: readonly Route[],
): (request: Request, received: ReceivedMessage, requestId: string) => Promise<Response> {
  const ownership = createOwnership(context)
  const findRoute = createRouteFinder(routes)
  const admit = createAdmission(context)
  const problemResponse = createProblemResponses(context)
  const compress = createCompression()

  async function respond(arrival: Arrival, path: string, route: Route | undefined): Promise<Outcome> {
    try {
      await ownership.require()
      requirePlainPath(arrival.received, path)
      if (!route) throw new PageError('not_found')
      return { response: await requireEndpoint(route, arrival.received.method)(arrival) }
    } catch (error) {
      return refuse(arrival, path, route, error)
    }
  }

  function refuse(arrival: Arrival, path: string, route: Route | undefined, error: unknown): Outcome {
    const caller = route?.caller ?? (path.startsWith('/.well-known/') ? 'agent' : 'browser')
    const outcome = caller === 'agent' ? refusalResponse(context, arrival, error) : problemResponse(arrival, error)
    if (route && outcome.response.status === 405) {
      outcome.response.headers.set('allow', Object.keys(route.methods).join(', '))
    }
    return outcome
  }

  return async function handleRequest(request, received, requestId) {
    const began = performance.now()
    const { pathname } = new URL(request.url)
    const { route, id = '' } = findRoute(pathname) ?? {}
    const arrival = { request, received, requestId, id }
    const finish = async ({ response, refusal }: Outcome): Promise<Response> => {
      await report(context, arrival, { route, status: response.status, refusal, began })
      const { status, headers } = response
      return received.method === 'HEAD' ? new Response(null, { status, headers }) : compress(request, response)
    }
    return admit(arrival, route, {
      serve: async () => finish(await respond(arrival, pathname, route)),
      shed: (error) => finish(refuse(arrival, pathname, route, error)),
    })
  }
}

// A proxy in front that keeps some paths for itself must see the path that is answered here (attacks S28).
function requirePlainPath({ rawTarget }: ReceivedMessage, path: string): void {
  if (rawTarget.split('?', 1)[0] === path) return
  throw new AAuthError('target_ambiguous', 'Send the path as a URL parser would, without dot segments.')
}

function requireEndpoint({ methods }: Route, method: string): Endpoint {
  const served = method === 'HEAD' ? 'GET' : method
  const endpoint = Object.hasOwn(methods, served) ? methods[served] : undefined
  if (!endpoint) throw new PageError('method_not_allowed')
  return endpoint
}

/** Emits the events of a request, and records a refusal that an operator looks for. */
async function report(
  { tell, recorder, onError }: ServerContext,
  { received, requestId }: Arrival,
  outcome: { route: Route | undefined; status: number; refusal: Refusal | undefined; began: number },
): Promise<void> {
  const { route, status, refusal, began } = outcome
  if (refusal) {
    tell?.({ kind: 'refusal', ...refusal, requestId })
    await recorder.recordRefusal(refusal, received.remoteAddress).catch((error: unknown) => onError(error, requestId))
  }
  tell?.({
    kind: 'request',
    route: route?.path ?? 'none',
    outcome: refusal?.code ?? (status < 400 ? 'ok' : 'refused'),
    status,
    duration: (performance.now() - began) / 1000,
    method: received.method,
    path: received.rawTarget.split('?', 1)[0]?.slice(0, 256),
    requestId,
  })
}
