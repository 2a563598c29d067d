import { AAuthError, type ReceivedMessage } from 'countersign'
import { maxFormBytes } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import { PageError } from './page-error.js'
import { problemResponse } from './problem-response.js'
import { refusalResponse } from './refusal-response.js'
import { tellAnswer } from './tell-answer.js'
import type { Arrival } from './visit.js'

/** What takes room in a server. */
export interface HeavyWork {
  /** The paths that programs call. */
  programs: Iterable<string>
  /** The paths that people open. */
  people: Iterable<string>
  /** Whether what a program sends begins something new, by its body. */
  beginsAnew: (path: string, body: string) => boolean
}

/** Has a request answered where there is room for that, and says that there is too much to do where there is not. */
export type Admit = (
  request: Request,
  arrival: Arrival['Bindings'],
  answer: () => Promise<Response>,
) => Promise<Response>

/**
 * Creates what comes before everything else: where most of what is asked is refused, each refusal takes from what is
 * answered. Where half of the room is taken, what was begun before comes before what is new. Nothing is awaited between the
 * look at the room and taking a place: many may come in one turn of the event loop.
 */
export function createAdmission(context: ServerContext, { programs, people, beginsAnew }: HeavyWork): Admit {
  const { workload } = context
  const programRoutes = new Set(programs)
  const routeOf = createPathFinder([...programRoutes, ...people])

  async function isNew({ received }: Arrival['Bindings'], path: string): Promise<boolean> {
    if (received.method !== 'POST') return false
    const body = await readBody(received)
    return body !== undefined && beginsAnew(path, new TextDecoder().decode(body))
  }

  async function refuse(request: Request, arrival: Arrival['Bindings'], route: string): Promise<Response> {
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
    const path = arrival.received.rawTarget.split('?', 1)[0] ?? ''
    const route = routeOf(path)
    if (route === undefined) return answer()
    if (workload.isFull) return refuse(request, arrival, route)
    const refuseNew = async () => ((await isNew(arrival, path)) ? refuse(request, arrival, route) : undefined)
    return workload.run(answer, workload.isHalfFull ? refuseNew : undefined)
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
  (_, index) => new AAuthError('unavailable', 'The server has too much to do.', { retryAfter: 1 + index }),
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
