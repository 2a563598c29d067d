import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import type {
  AgentTools,
  CallbackProblem,
  ConsentEnd,
  HeldToken,
  KeptConsent,
  OpenConsent,
  TokenNeed,
} from '../agent-protocol.js'

/** A consent that a person has not decided yet, with all that is needed to go on in another process. */
export interface PendingConsent extends KeptConsent {
  need: Pick<TokenNeed, 'resource' | 'authServer' | 'scope'>
  requestToken: string
  state: string
  redirectUri: string
  /** Where the person decides. */
  url: string
  /** What the page shows beside it. */
  code: string
  /** Until when the auth server keeps the request open unless the person asks for more time, in Unix seconds. */
  askedUntil: number
  /** When it was begun, in Unix seconds of the system: what was kept before is no answer to it. */
  begunAt: number
  /** For how many seconds in all the agent waits, until then. */
  patience: number
  /** Whether the callback must carry `iss` (RFC 9207). */
  issRequired: boolean
  /** Whether the auth server is known to drop `state`. */
  stateOptional: boolean
  /** When its code began to be exchanged, in Unix seconds: nobody decides it any more. */
  exchangedAt?: number | undefined
  /** How it ended, for other processes that wait for it. */
  ended?: Failure | undefined
  /**
   * Why a code brought for it gave nothing, for those who waited then. Whoever knows the state can bring such a code: the
   * person's own is still taken. The next request asks anew, since it may have been theirs.
   */
  failed?: Failure | undefined
}

interface Failure {
  code: AgentErrorCode
  message: string
  error: string | undefined
}

/** What the callback brought. */
export type CallbackAnswer = { code: string } | { error: string; description: string | null }

export type ConsentMatch =
  | { matched: true; answer: CallbackAnswer; finished: Promise<ConsentEnd> }
  | { matched: false; problem: CallbackProblem }

export interface PendingConsentsOptions extends Pick<AgentTools, 'consents' | 'now' | 'heldSince' | 'canAsk'> {
  /** Gets and keeps the token that an answer stands for. */
  redeem: (consent: PendingConsent, answer: CallbackAnswer, owner: string) => Promise<HeldToken>
}

/** How long a process waits for a person. */
export type WaitLimit = Pick<PendingConsent, 'until' | 'patience'>

/** A consent that somebody has begun; `way`: to the person, where that was here and nobody has decided. */
export interface FoundConsent {
  consent: PendingConsent
  way: OpenConsent | undefined
}

export interface PendingConsents {
  /**
   * The consent for a need that was begun here and that a person may still decide; or, without a way, that another process
   * waits for, or that is being exchanged. Where nobody can be asked, any that a person may still decide: its page is the same.
   */
  find(need: TokenNeed, owner: string): Promise<FoundConsent | undefined>
  /** Where people come back to from a page for a need that nobody waits for any more, and that may still be decided. */
  leftBehind(need: TokenNeed, owner: string): Promise<string | undefined>
  /** Keeps a new consent, and closes its way when it has ended; false where another process was first. */
  begin(consent: PendingConsent, owner: string, way: OpenConsent): Promise<boolean>
  /**
   * Waits for the token; undefined: another consent took the place of this one. Rejects when the signal aborts, and the
   * consent is then still pending; or when its time is up.
   */
  wait(consent: PendingConsent, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /**
   * Waits for what another process waits for, and as long as this one likes; undefined: the other does not any more, and nobody
   * has decided.
   */
  waitElsewhere(
    consent: PendingConsent,
    owner: string,
    signal: AbortSignal,
    limit: WaitLimit,
  ): Promise<HeldToken | undefined>
  /** Takes a consent back that nobody was asked for; false where somebody has decided it all the same. */
  drop(consent: PendingConsent, owner: string): Promise<boolean>
  /**
   * Finds what a callback belongs to, checked as W13 says, and gets its token, whether or not somebody still waits for it. A
   * callback that fits nothing changes nothing.
   *
   * @param owner whose browser brought it, where that is known
   */
  complete(parameters: URLSearchParams, owner: string | undefined): Promise<ConsentMatch>
}

export function idOf({ authServer, resource, scope = '' }: PendingConsent['need']): string {
  return `${authServer} ${resource} ${scope}`
}

/** At most this many consents wait at once; more are refused rather than older ones forgotten. */
const maxPending = 10_000

/** Milliseconds that a timer can wait. */
const longestTimer = 2 ** 31 - 1

const seconds = {
  /** Between two looks at what other processes did. */
  look: 0.5,
  /** After which a process that said nothing is gone. */
  silence: 8,
  /** That another process may take to exchange a code. */
  exchange: 20,
  /** Until what a process wrote is seen by all. */
  settle: 2,
  /** That others are told how a consent ended. */
  ended: 60,
}

interface Waiter {
  resolve: (token: HeldToken) => void
  reject: (reason: unknown) => void
}

/** Those who wait for one consent in this process. */
interface Waiting {
  owner: string
  /** Somebody has decided: what happens else changes nothing. */
  isDecided: boolean
  waiters: Set<Waiter>
  timer: ReturnType<typeof setTimeout> | undefined
}

/** Creates the consents that wait for their callback. */
export function createPendingConsents(options: PendingConsentsOptions): PendingConsents {
  const { canAsk, consents, now, heldSince, redeem } = options
  const waiting = new Map<string, Waiting>()
  /** Whose the consents are that were begun here, and their ways, by their states: their callbacks are heard. */
  const ways = new Map<string, { owner: string; way: OpenConsent }>()
  const isPending = ({ ended, exchangedAt, until }: PendingConsent) =>
    ended === undefined && exchangedAt === undefined && until > now()
  const isOpen = (consent: PendingConsent) =>
    isPending(consent) && consent.failed === undefined && consent.askedUntil > now()
  /** The states of consents whose codes are exchanged here. */
  const exchanging = new Set<string>()
  const isExchanged = ({ exchangedAt }: PendingConsent) =>
    exchangedAt !== undefined && Math.abs(now() - exchangedAt) < seconds.exchange

  /** Whether somebody exchanges its code, and has not ended meanwhile. */
  async function isUnderway(consent: PendingConsent, owner: string): Promise<boolean> {
    if (!isExchanged(consent)) return false
    return exchanging.has(consent.state) || (consents.isShared && (await isAlive(owner, consent.state)))
  }

  async function list(owner: string): Promise<readonly PendingConsent[]> {
    return (await consents.list(owner)) as readonly PendingConsent[]
  }

  async function put(owner: string, consent: PendingConsent): Promise<void> {
    await consents.put(owner, consent)
  }

  async function isAlive(owner: string, state: string): Promise<boolean> {
    const last = await consents.lastBeat(owner, state)
    return last !== undefined && Math.abs(now() - last) < seconds.silence
  }

  /** Notes that this process waits; says so to others as long as the consent is pending. */
  function hold(consent: PendingConsent, owner: string): Waiting {
    const { state, until } = consent
    const known = waiting.get(state)
    if (known) return known
    if (waiting.size >= maxPending) throw new AgentError('token_request_failed', 'Too many consents are pending.')
    const held: Waiting = { owner, isDecided: false, waiters: new Set(), timer: undefined }
    waiting.set(state, held)
    if (consents.isShared) beatOn(held, state)
    else held.timer = later((until - now()) * 1000, () => expire(consent))
    return held
  }

  function beatOn(held: Waiting, state: string): void {
    held.timer = later(2000, () => {
      void consents
        .beat(held.owner, state)
        .catch(() => undefined)
        .finally(() => waiting.get(state) === held && beatOn(held, state))
    })
  }

  function expire(consent: PendingConsent): void {
    settle(consent.state, (waiter) => waiter.reject(tooLate(consent)))
  }

  function settle(state: string, how: (waiter: Waiter) => void): void {
    const held = waiting.get(state)
    if (!held) return
    clearTimeout(held.timer)
    waiting.delete(state)
    for (const waiter of held.waiters) how(waiter)
  }

  /** What became of a consent, as the store shows it; undefined: nobody has decided. */
  async function outcomeOf(consent: PendingConsent, owner: string): Promise<HeldToken | 'gone' | undefined> {
    const there = (await list(owner)).find(({ id }) => id === consent.id)
    const isSame = there?.state === consent.state
    const failure = isSame ? (there.ended ?? there.failed) : undefined
    if (failure) throw new AgentError(failure.code, failure.message, failure)
    // Also from a page for the same need that was left behind before.
    const held = await heldSince(consent.need, owner, consent.begunAt)
    if (held) return held
    return isSame && (isPending(there) || isExchanged(there)) ? undefined : 'gone'
  }

  /** Looks until another process has decided what becomes of a consent; undefined: nobody waits any more. */
  async function watch(
    consent: PendingConsent,
    owner: string,
    signal: AbortSignal,
    limit: WaitLimit,
    isStillWaited?: () => Promise<boolean>,
  ): Promise<HeldToken | undefined> {
    let goneSince: number | undefined
    while (limit.until > now()) {
      signal.throwIfAborted()
      const outcome = await outcomeOf(consent, owner)
      if (typeof outcome === 'object') return outcome
      if (outcome === 'gone') {
        goneSince ??= performance.now()
        if (performance.now() - goneSince > seconds.settle * 1000) return undefined
      } else if (isStillWaited && !(await isStillWaited())) return undefined
      await pause(seconds.look * 1000, signal)
    }
    throw tooLate(limit)
  }

  async function finish(consent: PendingConsent, answer: CallbackAnswer, owner: string): Promise<ConsentEnd> {
    const { state } = consent
    exchanging.add(state)
    try {
      const token = await redeem(consent, answer, owner)
      await leave(consent, owner)
      settle(state, (waiter) => waiter.resolve(token))
      return 'done'
    } catch (error) {
      const code = error instanceof AgentError ? error.code : 'token_request_failed'
      const isOver = 'error' in answer || final.has(code)
      await (isOver ? leave(consent, owner, error) : reopen(consent, owner, error)).catch(() => undefined)
      settle(state, (waiter) => waiter.reject(error))
      return code === 'other_person' ? 'other_person' : 'failed'
    } finally {
      exchanging.delete(state)
      if (consents.isShared) await consents.rest(owner, consent.state).catch(() => undefined)
    }
  }

  /** Removes a consent that has ended, or tells others how; unless another one has its place. */
  async function leave(consent: PendingConsent, owner: string, error?: unknown): Promise<void> {
    closeWay(consent.state)
    const there = (await list(owner)).find(({ id }) => id === consent.id)
    if (there?.state !== consent.state) return
    const isForgotten = error instanceof AgentError && error.code === 'session_forgotten'
    if (!consents.isShared || !(error instanceof AgentError) || isForgotten) {
      await consents.remove(owner, consent.id)
      return
    }
    await put(owner, { ...consent, until: now() + seconds.ended, ended: failureOf(error) })
  }

  /** A code gave nothing: another one may. */
  async function reopen({ id, state }: PendingConsent, owner: string, error: unknown): Promise<void> {
    const there = (await list(owner)).find((each) => each.id === id)
    if (there?.state === state) await put(owner, { ...there, exchangedAt: undefined, failed: failureOf(error) })
  }

  /** Whether a person can still bring an answer. */
  async function isAnswered({ state }: PendingConsent, owner: string): Promise<boolean> {
    return !(await list(owner)).some((each) => each.state === state && isPending(each))
  }

  /** Whether a new consent cannot take the place of one that is there: somebody waits for that, or was first to take its place. */
  async function isInTheWay(there: PendingConsent, { state }: PendingConsent, owner: string): Promise<boolean> {
    if (await isUnderway(there, owner)) return true
    if (!consents.isShared) return false
    if (isOpen(there) && (await isAlive(owner, there.state))) return true
    for (let taken = there.state; ; ) {
      const first = await consents.claim(owner, taken, state)
      if (first === state) return false
      // Who was first, but ended before it had begun, leaves its place to the next.
      if (await isAlive(owner, first)) return true
      taken = first
    }
  }

  function keepWay({ state }: PendingConsent, owner: string, way: OpenConsent): void {
    ways.set(state, { owner, way })
    const [oldest] = ways.keys()
    if (ways.size > maxPending && oldest !== undefined) closeWay(oldest)
  }

  function closeWay(state: string): void {
    const begun = ways.get(state)
    ways.delete(state)
    begun?.way.close()
  }

  return {
    async find(need, owner) {
      const consent = (await list(owner)).find(({ id }) => id === idOf(need))
      if (!consent) return undefined
      if (await isUnderway(consent, owner)) return { consent, way: undefined }
      if (!isOpen(consent)) return undefined
      // Nobody waits for one that is only shown: each of several processes would begin another.
      if (!canAsk) return { consent, way: undefined }
      // Of one that a process began which has ended nobody knows whether it was decided since.
      const way = ways.get(consent.state)?.way
      if (way) return { consent, way }
      return consents.isShared && (await isAlive(owner, consent.state)) ? { consent, way } : undefined
    },

    async leftBehind(need, owner) {
      return (await list(owner)).find((each) => each.id === idOf(need) && isPending(each))?.redirectUri
    },

    async begin(consent, owner, way) {
      // Before it is there: whoever finds it finds that it is waited for.
      if (consents.isShared) await consents.beat(owner, consent.state)
      const there = (await consents.add(owner, consent)) as PendingConsent
      if (there.state !== consent.state) {
        if (await isInTheWay(there, consent, owner)) {
          await consents.rest(owner, consent.state)
          return false
        }
        // Whoever still has that page open may decide on it, too.
        if (isPending(there)) await put(owner, { ...there, id: `${there.id} ${there.state}` })
        await put(owner, consent)
      }
      for (const { id, until } of await list(owner)) if (until <= now()) await consents.remove(owner, id)
      keepWay(consent, owner, way)
      return true
    },

    async wait(consent, owner, signal) {
      signal.throwIfAborted()
      const held = hold(consent, owner)
      const { waiters, timer } = held
      // Who waits keeps the program alive.
      if (typeof timer === 'object') timer.ref()
      const ended = new AbortController()
      let waiter: Waiter | undefined
      const local = new Promise<HeldToken>((resolve, reject) => {
        waiter = { resolve, reject }
        waiters.add(waiter)
        signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: ended.signal })
      })
      try {
        if (!consents.isShared) return await local
        const stop = AbortSignal.any([signal, ended.signal])
        const token = await Promise.race([local, watch(consent, owner, stop, consent)])
        if (token) await leave(consent, owner)
        return token
      } catch (error) {
        if (error instanceof AgentError && error.code === 'consent_expired') await leave(consent, owner)
        throw error
      } finally {
        ended.abort()
        // Given up, or after a code that gave nothing, it is still pending: a person may decide it for the next request.
        if (!signal.aborted && (await isAnswered(consent, owner).catch(() => true))) closeWay(consent.state)
        if (waiter) waiters.delete(waiter)
        if (waiters.size === 0 && !held.isDecided) {
          settle(consent.state, () => undefined)
          if (consents.isShared) await consents.rest(owner, consent.state).catch(() => undefined)
        }
      }
    },

    waitElsewhere: (consent, owner, signal, limit) =>
      watch(consent, owner, signal, limit, async () => exchanging.has(consent.state) || isAlive(owner, consent.state)),

    async drop(consent, owner) {
      const held = waiting.get(consent.state)
      if (!held || held.isDecided) return false
      settle(consent.state, () => undefined)
      closeWay(consent.state)
      return consents.remove(owner, consent.id)
    },

    async complete(parameters, owner) {
      const refuse = (problem: CallbackProblem): ConsentMatch => ({ matched: false, problem })
      if (owner === undefined) return refuse('no_owner')
      if (answerParameters.some((name) => parameters.getAll(name).length > 1)) return refuse('malformed')
      const state = parameters.get('state')
      const own = (await list(owner)).filter(isPending)
      const consent = state === null ? onlyStateless(own) : own.find((each) => each.state === state)
      if (!consent) {
        const begunBy = state === null ? undefined : ways.get(state)?.owner
        return refuse(begunBy !== undefined && begunBy !== owner ? 'other_owner' : 'unknown')
      }
      const iss = parameters.get('iss')
      if (iss === null ? consent.issRequired : iss !== consent.need.authServer) return refuse('other_server')
      const answer = answerOf(parameters)
      if (!answer) return refuse('malformed')
      if (!(await consents.remove(owner, consent.id))) return refuse('unknown')
      if (consents.isShared) await consents.beat(owner, consent.state)
      await put(owner, { ...consent, exchangedAt: now(), failed: undefined })
      const held = waiting.get(consent.state)
      if (held) held.isDecided = true
      return { matched: true, answer, finished: finish(consent, answer, owner) }
    },
  }
}

/** What an auth server, or the agent itself, said of a code that was exchanged or is refused for good. */
const final: ReadonlySet<AgentErrorCode> = new Set([
  'access_denied',
  'auth_token_refused',
  'other_person',
  'session_forgotten',
])

function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof AgentError))
    return { code: 'token_request_failed', message: 'The auth server did not answer.', error: undefined }
  const { code, message, error } = thrown
  return { code, message, error }
}

const answerParameters = ['state', 'iss', 'code', 'error'] as const

function answerOf(parameters: URLSearchParams): CallbackAnswer | undefined {
  const code = parameters.get('code')
  const error = parameters.get('error')
  if (code !== null) return error === null ? { code } : undefined
  return error === null ? undefined : { error, description: parameters.get('error_description') }
}

function onlyStateless(own: readonly PendingConsent[]): PendingConsent | undefined {
  const [only] = own
  return own.length === 1 && only?.stateOptional ? only : undefined
}

function tooLate({ patience }: WaitLimit): AgentError {
  return new AgentError('consent_expired', `Nobody decided within ${patience} s.`)
}

/** Does something later, without keeping the program alive for it. */
function later(milliseconds: number, work: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(work, Math.min(milliseconds, longestTimer))
  if (typeof timer === 'object') timer.unref()
  return timer
}
