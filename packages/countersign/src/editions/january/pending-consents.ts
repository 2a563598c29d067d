import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import type { AgentTools, CallbackProblem, ConsentEnd, HeldToken, OpenConsent, TokenNeed } from '../agent-protocol.js'
import {
  addConsent,
  type ConsentStore,
  endConsent,
  findConsent,
  idOf,
  isAlive,
  isOpen,
  isPending,
  isUnderway,
  listConsents,
  type PendingConsent,
  reopenConsent,
  startExchange,
  stopHeartbeat,
  type WaitLimit,
  watchConsent,
} from './consent-store.js'
import { type ConsentWaiters, holdConsent, joinWaiters, maxPending, settleConsent } from './consent-waiters.js'

/** The parameters of a callback. */
export type CallbackAnswer = { code: string } | { error: string; description: string | null }

export type ConsentMatch =
  | { matched: true; answer: CallbackAnswer; finished: Promise<ConsentEnd> }
  | { matched: false; problem: CallbackProblem }

export interface PendingConsentsOptions extends Pick<AgentTools, 'consents' | 'now' | 'heldSince' | 'canAsk'> {
  /** Exchanges an answer for its token, and stores that. */
  redeem: (consent: PendingConsent, answer: CallbackAnswer, owner: string) => Promise<HeldToken>
}

/** A consent that is pending; `way`: to the user, if this process created it and it is undecided. */
export interface FoundConsent {
  consent: PendingConsent
  way: OpenConsent | undefined
}

export interface PendingConsents {
  /**
   * The consent for a need that this process created and that is still open; or, without a way, one that another process
   * waits for, or whose code is being exchanged. If this agent cannot prompt, any that is open: its page is the same.
   */
  find(need: TokenNeed, owner: string): Promise<FoundConsent | undefined>
  /** The redirect URI of a page for a need that no process waits for any more, and that can still be decided. */
  leftBehind(need: TokenNeed, owner: string): Promise<string | undefined>
  /** Stores a new consent, and closes its way when it has ended; false if another process was first. */
  begin(consent: PendingConsent, owner: string, way: OpenConsent): Promise<boolean>
  /**
   * Waits for the token; undefined: another consent replaced this one. Rejects if the signal aborts, and the consent is
   * then still pending; or when its time is up.
   */
  wait(consent: PendingConsent, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /**
   * Waits, within a limit of its own, for a consent that another process waits for; undefined: that process stopped
   * waiting without a decision.
   */
  waitElsewhere(
    consent: PendingConsent,
    owner: string,
    signal: AbortSignal,
    limit: WaitLimit,
  ): Promise<HeldToken | undefined>
  /** Removes a consent that the user was not prompted for; false if they decided it anyway. */
  drop(consent: PendingConsent, owner: string): Promise<boolean>
  /**
   * Finds the consent of a callback, with the checks of W13, and gets its token, even if no request waits for it any more. A
   * callback that fits none changes nothing.
   *
   * @param owner the owner of the browser, if it is known
   */
  complete(parameters: URLSearchParams, owner: string | undefined): Promise<ConsentMatch>
}

interface PendingState extends PendingConsentsOptions, ConsentStore, ConsentWaiters {
  /** The ways of the consents that this process created, by state: it takes their callbacks. */
  readonly ways: Map<string, { owner: string; way: OpenConsent }>
}

/** Creates the consents that wait for their callback. */
export function createPendingConsents(options: PendingConsentsOptions): PendingConsents {
  const pending: PendingState = { ...options, exchanging: new Set(), waiting: new Map(), ways: new Map() }
  const { canAsk, consents, now, waiting, ways } = pending

  return {
    async find(need, owner) {
      const consent = await findConsent(pending, owner, idOf(need))
      if (!consent) return undefined
      if (await isUnderway(pending, consent, owner)) return { consent, way: undefined }
      if (!isOpen(consent, now())) return undefined
      // Agents that cannot prompt keep no heartbeat: each of several processes would begin another.
      if (!canAsk) return { consent, way: undefined }
      // A consent of a process that has ended may have been decided since.
      const way = ways.get(consent.state)?.way
      return way || (await isAlive(pending, owner, consent.state)) ? { consent, way } : undefined
    },

    async leftBehind(need, owner) {
      const consent = await findConsent(pending, owner, idOf(need))
      return consent && isPending(consent, now()) ? consent.redirectUri : undefined
    },

    async begin(consent, owner, way) {
      if (!(await addConsent(pending, consent, owner))) return false
      ways.set(consent.state, { owner, way })
      const [oldest] = ways.keys()
      if (ways.size > maxPending && oldest !== undefined) closeWay(pending, oldest)
      return true
    },

    wait: (consent, owner, signal) => waitHere(pending, consent, owner, signal),

    waitElsewhere: (consent, owner, signal, limit) =>
      watchConsent(pending, consent, owner, { ...limit, signal, isElsewhere: true }),

    async drop({ id, state }, owner) {
      const held = waiting.get(state)
      if (!held || held.isDecided) return false
      settleConsent(pending, state, () => undefined)
      closeWay(pending, state)
      return consents.remove(owner, id)
    },

    async complete(parameters, owner) {
      const refuse = (problem: CallbackProblem): ConsentMatch => ({ matched: false, problem })
      if (owner === undefined) return refuse('no_owner')
      const match = matchCallback(
        parameters,
        (await listConsents(pending, owner)).filter((each) => isPending(each, now())),
      )
      if (typeof match === 'string') {
        const creator = match === 'unknown' ? ways.get(parameters.get('state') ?? '')?.owner : owner
        return refuse(creator !== undefined && creator !== owner ? 'other_owner' : match)
      }
      const { consent, answer } = match
      if (!(await startExchange(pending, consent, owner))) return refuse('unknown')
      const held = waiting.get(consent.state)
      if (held) held.isDecided = true
      return { matched: true, answer, finished: finish(pending, consent, answer, owner) }
    },
  }
}

function closeWay({ ways }: PendingState, state: string): void {
  const opened = ways.get(state)
  ways.delete(state)
  opened?.way.close()
}

async function end(pending: PendingState, consent: PendingConsent, owner: string, error?: unknown): Promise<void> {
  closeWay(pending, consent.state)
  await endConsent(pending, consent, owner, error)
}

async function waitHere(
  pending: PendingState,
  consent: PendingConsent,
  owner: string,
  signal: AbortSignal,
): Promise<HeldToken | undefined> {
  signal.throwIfAborted()
  const { state } = consent
  const held = holdConsent(pending, consent, owner)
  const ended = new AbortController()
  const [local, waiter] = joinWaiters(held, signal, ended.signal)
  try {
    if (!pending.consents.isShared) return await local
    const limit = { ...consent, signal: AbortSignal.any([signal, ended.signal]), isElsewhere: false }
    const token = await Promise.race([local, watchConsent(pending, consent, owner, limit)])
    if (token) await end(pending, consent, owner)
    return token
  } catch (error) {
    if (error instanceof AgentError && error.code === 'consent_expired') await end(pending, consent, owner)
    throw error
  } finally {
    ended.abort()
    // If the request gave up, or a code failed, it is still pending: the user may decide it for the next request.
    if (!signal.aborted && (await isClosed(pending, state, owner).catch(() => true))) closeWay(pending, state)
    held.waiters.delete(waiter)
    if (held.waiters.size === 0 && !held.isDecided) {
      settleConsent(pending, state, () => undefined)
      await stopHeartbeat(pending, owner, state)
    }
  }
}

/** Whether the user can no longer decide a consent. */
async function isClosed(pending: PendingState, state: string, owner: string): Promise<boolean> {
  const consents = await listConsents(pending, owner)
  return !consents.some((each) => each.state === state && isPending(each, pending.now()))
}

/** Exchanges the code of a callback, and settles those who wait for its consent. */
async function finish(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackAnswer,
  owner: string,
): Promise<ConsentEnd> {
  const { state } = consent
  try {
    const token = await pending.redeem(consent, answer, owner)
    await end(pending, consent, owner)
    settleConsent(pending, state, ({ resolve }) => resolve(token))
    return 'done'
  } catch (error) {
    const code = error instanceof AgentError ? error.code : 'token_request_failed'
    const store = 'error' in answer || finalCodes.has(code) ? end : reopenConsent
    await store(pending, consent, owner, error).catch(() => undefined)
    settleConsent(pending, state, ({ reject }) => reject(error))
    return code === 'other_person' ? 'other_person' : 'failed'
  } finally {
    pending.exchanging.delete(state)
    await stopHeartbeat(pending, owner, state)
  }
}

/** Failures after which the same code, or another, cannot succeed. */
const finalCodes: ReadonlySet<AgentErrorCode> = new Set([
  'access_denied',
  'auth_token_refused',
  'other_person',
  'session_forgotten',
])

const answerParameters = ['state', 'iss', 'code', 'error'] as const

/** The pending consent that a callback is for, and the answer in it (W13). */
function matchCallback(
  parameters: URLSearchParams,
  pending: readonly PendingConsent[],
): { consent: PendingConsent; answer: CallbackAnswer } | CallbackProblem {
  if (answerParameters.some((name) => parameters.getAll(name).length > 1)) return 'malformed'
  const state = parameters.get('state')
  const consent = state === null ? onlyStateless(pending) : pending.find((each) => each.state === state)
  if (!consent) return 'unknown'
  const iss = parameters.get('iss')
  if (iss === null ? consent.issRequired : iss !== consent.need.authServer) return 'other_server'
  const answer = answerOf(parameters)
  return answer ? { consent, answer } : 'malformed'
}

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
