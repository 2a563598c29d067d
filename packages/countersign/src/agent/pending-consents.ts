import { AgentError } from './agent-error.js'

/** A consent that a person has not decided yet. */
export interface PendingConsent {
  authServer: string
  /** The browser session that started it, in a web agent (W13). */
  session: string | undefined
  /** Whether the callback must carry `iss` (RFC 9207). */
  issRequired: boolean
  /** Whether the auth server is known to drop `state`. */
  stateOptional: boolean
}

/** What the callback brought. */
export type CallbackAnswer = { code: string } | { error: string }

/** Whether `use` finished, or something went wrong. */
export type ConsentEnd = 'done' | 'failed'

export type CallbackMatch =
  | { matched: true; answer: CallbackAnswer; finished: Promise<ConsentEnd> }
  | { matched: false; reason: string }

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
  /** Finds what a callback belongs to, checked as W13 says, and hands it the answer. A callback that fits nothing changes nothing. */
  complete(parameters: URLSearchParams, session: string | undefined): CallbackMatch
}

/** At most this many consents wait at once; more are refused rather than older ones forgotten. */
const maxPending = 10_000

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
      let onAbort: (() => void) | undefined
      try {
        const answer = await new Promise<CallbackAnswer>((resolve, reject) => {
          waiting.set(state, { ...consent, resolve, finished })
          const late = () => reject(new AgentError('consent_expired', `Nobody decided within ${expiresIn} s.`))
          timer = setTimeout(late, Math.min(expiresIn * 1000, 2 ** 31 - 1))
          onAbort = () => reject(signal.reason as Error)
          signal.addEventListener('abort', onAbort)
        })
        const used = await use(answer)
        end = 'done'
        return used
      } finally {
        clearTimeout(timer)
        if (onAbort) signal.removeEventListener('abort', onAbort)
        waiting.delete(state)
        finish(end)
      }
    },
    complete(parameters, session) {
      const entry = find(waiting, parameters.get('state'), session)
      if (!entry) return { matched: false, reason: 'This answer does not belong to a request that was started here.' }
      const [state, pending] = entry
      if (pending.session !== session) return { matched: false, reason: 'This answer belongs to another browser.' }
      const iss = parameters.get('iss')
      if (iss === null ? pending.issRequired : iss !== pending.authServer) {
        return { matched: false, reason: 'This answer does not come from the server that was asked.' }
      }
      const code = parameters.get('code')
      const error = parameters.get('error')
      if ((code === null) === (error === null))
        return { matched: false, reason: 'This answer has neither a code nor an error.' }
      const answer = code === null ? { error: error as string } : { code }
      waiting.delete(state)
      pending.resolve(answer)
      return { matched: true, answer, finished: pending.finished }
    },
  }
}

function find(
  waiting: ReadonlyMap<string, Waiting>,
  state: string | null,
  session: string | undefined,
): [string, Waiting] | undefined {
  if (state !== null) {
    const pending = waiting.get(state)
    return pending && [state, pending]
  }
  const own = [...waiting].filter(([, pending]) => pending.session === session)
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
