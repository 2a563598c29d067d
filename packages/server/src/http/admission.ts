import { AAuthError, type ReceivedMessage } from 'countersign'
import { maxFormBytes } from 'countersign/editions'
import type { FairQueueEntry } from '../admission/fair-queue.js'
import type { ServerContext } from './context.js'
import { PageError } from './page-error.js'
import { problemResponse } from './problem-response.js'
import { refusalResponse, takeRefusal } from './refusal-response.js'
import { shareOf } from './share-of.js'
import type { Arrival } from './visit.js'

/** The routes of a server, for admission control. */
interface AdmittedRoutes {
  /** The paths that programs call. */
  programs: Iterable<string>
  /** The paths that users open. */
  people: Iterable<string>
  /** Whether a path needs neither the database nor a key. */
  isLight: (path: string) => boolean
  /** Whether a program's request starts something new, by its body. */
  startsNew: (path: string, body: string) => boolean
}

/** Returns the response of the handler, or 503 if the server is overloaded and the caller has its share of what waits. */
type Admit = (request: Request, arrival: Arrival['Bindings'], answer: () => Promise<Response>) => Promise<Response>

/**
 * Creates admission control, which every request passes first, whatever its path: refusals must cost little when most
 * requests are refused. Half of the slots are for known callers while they have requests; the others are served in turn by
 * network. Within an address, what starts something new yields to the rest.
 */
export function createAdmission(
  context: ServerContext,
  { programs, people, isLight, startsNew }: AdmittedRoutes,
): Admit {
  const { workload } = context
  const programRoutes = new Set(programs)
  const routeOf = createPathFinder([...programRoutes, ...people])

  async function entryOfPost(
    path: readonly string[],
    { received }: Arrival['Bindings'],
    route: string,
  ): Promise<FairQueueEntry> {
    const body = await readBody(received)
    return { path, yields: body !== undefined && startsNew(route, new TextDecoder().decode(body)) }
  }

  async function refuse(request: Request, arrival: Arrival['Bindings'], route = 'none'): Promise<Response> {
    const { requestId } = arrival
    const index = Math.floor(Math.random() * longest)
    const response = programRoutes.has(route)
      ? refusalResponse(context, reasons.programs[index], requestId)
      : problemResponse(context, { request, requestId }, reasons.people[index])
    await tellAnswer(context, arrival, response, route)
    const { status, headers } = response
    return request.method === 'HEAD' ? new Response(null, { status, headers }) : response
  }

  return async function admit(request, arrival, answer) {
    const { rawTarget, method } = arrival.received
    const route = routeOf(rawTarget.split('?', 1)[0] ?? '')
    const response = await workload.admit({
      weight: route === undefined || isLight(route) ? 'light' : 'heavy',
      entry() {
        const path = shareOf(context, request, arrival.received.remoteAddress)
        const mayBeNew = method === 'POST' && route !== undefined && programRoutes.has(route)
        return mayBeNew ? entryOfPost(path, arrival, route) : { path }
      },
      run: answer,
    })
    return response ?? refuse(request, arrival, route)
  }
}

/** Undefined: it is refused where it is read for good. */
async function readBody(received: ReceivedMessage): Promise<Uint8Array | undefined> {
  try {
    return await received.body(maxFormBytes)
  } catch {
    return undefined
  }
}

/** Seconds after which those that are refused come again, at most: not all at once, else they would be too many again. */
const longest = 3

const programReasons = Array.from(
  { length: longest },
  (_, index) => new AAuthError('unavailable', 'The server is overloaded.', { retryAfter: 1 + index }),
)

/** One for each number of seconds. They are made once: an error takes as long as the rest of the answer. */
const reasons = {
  programs: programReasons,
  people: programReasons.map((cause) => {
    const { retryAfter } = cause
    return new PageError('temporarily_unavailable', { cause, retryAfter })
  }),
}

/** What finds the path of a table of routes that a path is: parts that begin with `:` are any. */
function createPathFinder(paths: readonly string[]): (path: string) => string | undefined {
  const whole = new Set(paths.filter((path) => !path.includes(':')))
  const patterns = paths
    .filter((path) => path.includes(':'))
    .map((path) => ({
      path,
      pattern: new RegExp(`^${path.replace(/[.*+?$()[\]{}|\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`),
    }))
  return (path) => (whole.has(path) ? path : patterns.find(({ pattern }) => pattern.test(path))?.path)
}

/**
 * Tells who listens about an answer, and records it where it refuses what an operator looks for.
 *
 * @param route the path as the table of routes has it
 */
export async function tellAnswer(
  context: ServerContext,
  arrival: Arrival['Bindings'],
  response: Response,
  route: string,
): Promise<void> {
  const { received, requestId, began } = arrival
  const refusal = takeRefusal(response)
  if (refusal) {
    context.tell?.({ kind: 'refusal', ...refusal, requestId })
    await context.recorder
      .recordRefusal(refusal, received.remoteAddress)
      .catch((error: unknown) => context.onError(error, requestId))
  }
  const { status } = response
  context.tell?.({
    kind: 'request',
    route,
    outcome: refusal?.code ?? (status < 400 ? 'ok' : 'refused'),
    status,
    duration: (performance.now() - began) / 1000,
    method: received.method,
    path: received.rawTarget.split('?', 1)[0]?.slice(0, 256),
    requestId,
  })
}
