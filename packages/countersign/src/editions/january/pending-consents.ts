import { AgentError } from '../../lib/agent-error.js'
import type { CallbackProblem } from '../agent-protocol.js'

/** A consent that a person has not decided yet. */
export interface PendingConsent {
  authServer: string
  /** Whose it is: only a browser of this owner completes it (W13, W25). */
  owner: string
  /** Whether the callback must carry `iss` (RFC 9207). */
  issRequired: boolean
  /** Whether the auth server is known to drop `state`. */
  stateOptional: boolean
}

/** What the callback brought. */
export type CallbackAnswer = { code: string } | { error: string; description: string | null }

/** Whether `use` finished, or something went wrong. */
export type ConsentEnd = 'done' | 'failed'

export type ConsentMatch =
  | { matched: true; answer: CallbackAnswer; finished: Promise<ConsentEnd> }
  | { matched: false; problem: CallbackProblem }

interface Waiting extends PendingConsent {
  resolve: (answer: CallbackAnswer) => void
  finished: Promise<ConsentEnd>
}

export interface PendingConsents {
  /**
   * Waits for the callback of a consent. `use` gets its answer; the callback page waits until `use` is done. Rejects when
   * the signal aborts or the time is up, and the consent is then no longer pending.
   */
  wait<T>(
    state: string,
    consent: PendingConsent,
    limits: { expiresIn: number; signal: AbortSignal },
    use: (answer: CallbackAnswer) => Promise<T>,
  ): Promise<T>
  /**
   * Finds what a callback belongs to, checked as W13 says, and hands it the answer. A callback that fits nothing changes
   * nothing.
   *
   * @param owner whose browser brought it, where that is known
   */
  complete(parameters: URLSearchParams, owner: string | undefined): ConsentMatch
}

/** At most this many consents wait at once; more are refused rather than older ones forgotten. */
const maxPending = 10_000

/** Milliseconds that a timer can wait. */
const longestTimer = 2 ** 31 - 1

/** Creates the store of consents that wait for their callback, in this process. */
export function createPendingConsents(): PendingConsents {
  const waiting = new Map<string, Waiting>()

  return {
    async wait(state, consent, { expiresIn, signal }, use) {
      signal.throwIfAborted()
      if (waiting.size >= maxPending) throw new AgentError('token_request_failed', 'Too many consents are pending.')
      const { promise: finished, settle: finish } = settleable<ConsentEnd>()
      let end: ConsentEnd = 'failed'
      let timer: NodeJS.Timeout | undefined
      let onAbort: () => void = () => undefined
      try {
        const answer = await new Promise<CallbackAnswer>((resolve, reject) => {
          waiting.set(state, { ...consent, resolve, finished })
          const giveUp = (reason: Error) => {
            waiting.delete(state)
            reject(reason)
          }
          const late = () => giveUp(new AgentError('consent_expired', `Nobody decided within ${expiresIn} s.`))
          timer = setTimeout(late, Math.min(expiresIn * 1000, longestTimer))
          onAbort = () => giveUp(signal.reason as Error)
          signal.addEventListener('abort', onAbort)
        })
        const used = await use(answer)
        end = 'done'
        return used
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        finish(end)
      }
    },
    complete(parameters, owner) {
      const refuse = (problem: CallbackProblem): ConsentMatch => ({ matched: false, problem })
      if (owner === undefined) return refuse('no_owner')
      if (answerParameters.some((name) => parameters.getAll(name).length > 1)) return refuse('malformed')
      const entry = find(waiting, parameters.get('state'), owner)
      if (!entry) return refuse('unknown')
      const [state, pending] = entry
      if (pending.owner !== owner) return refuse('other_owner')
      const iss = parameters.get('iss')
      if (iss === null ? pending.issRequired : iss !== pending.authServer) return refuse('other_server')
      const answer = answerOf(parameters)
      if (!answer) return refuse('malformed')
      waiting.delete(state)
      pending.resolve(answer)
      return { matched: true, answer, finished: pending.finished }
    },
  }
}

const answerParameters = ['state', 'iss', 'code', 'error'] as const

function answerOf(parameters: URLSearchParams): CallbackAnswer | undefined {
  const code = parameters.get('code')
  const error = parameters.get('error')
  if (code !== null) return error === null ? { code } : undefined
  return error === null ? undefined : { error, description: parameters.get('error_description') }
}

function find(
  waiting: ReadonlyMap<string, Waiting>,
  state: string | null,
  owner: string,
): [string, Waiting] | undefined {
  if (state !== null) {
    const pending = waiting.get(state)
    return pending && [state, pending]
  }
  const own = [...waiting].filter(([, pending]) => pending.owner === owner)
  const [only] = own
  return own.length === 1 && only?.[1].stateOptional ? only : undefined
}

function settleable<T>(): { promise: Promise<T>; settle: (value: T) => void } {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return { promise, settle }
}
