import { AAuthError } from 'countersign'
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

/** Answers where the server has too much to do; undefined: the routes answer. */
export type BusyAnswers = (request: Request, arrival: Arrival['Bindings']) => Promise<Response | undefined>

/**
 * Creates what says that there is too much to do. It comes before everything else: where most of what is asked is refused,
 * each refusal takes from what is answered. Where half of the room is taken, what was begun before comes before what is new.
 */
export function createBusyAnswers(context: ServerContext, { programs, people, beginsAnew }: HeavyWork): BusyAnswers {
  const { workload } = context
  const ofPrograms = createPathFinder(programs)
  const ofPeople = createPathFinder(people)

  async function isNew({ received }: Arrival['Bindings'], path: string): Promise<boolean> {
    if (received.method !== 'POST') return false
    try {
      return beginsAnew(path, new TextDecoder().decode(await received.body(maxFormBytes)))
    } catch {
      // What cannot be read is refused where it is read for good.
      return false
    }
  }

  return async function answerBusy(request, arrival) {
    if (!workload.isHalfFull) return undefined
    const began = performance.now()
    const path = arrival.received.rawTarget.split('?', 1)[0] ?? ''
    const program = ofPrograms(path)
    const route = program ?? ofPeople(path)
    if (route === undefined || !(workload.isFull || (await isNew(arrival, path)))) return undefined
    const { requestId } = arrival
    const index = Math.floor(Math.random() * longest)
    const response =
      program === undefined
        ? problemResponse(context, { request, requestId }, reasons.people[index])
        : refusalResponse(context, reasons.programs[index], requestId)
    await tellAnswer(context, arrival, response, { began, route })
    return response
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
function createPathFinder(paths: Iterable<string>): (path: string) => string | undefined {
  const all = [...paths]
  const whole = new Set(all.filter((path) => !path.includes(':')))
  const patterns = all
    .filter((path) => path.includes(':'))
    .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/:[a-z]+/g, '[^/]+')}$`) }))
  return (path) => (whole.has(path) ? path : patterns.find(({ pattern }) => pattern.test(path))?.path)
}
