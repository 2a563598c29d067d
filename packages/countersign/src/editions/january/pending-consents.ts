import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import type { CallbackProblem, ConsentEnd, HeldToken, OpenConsent, TokenNeed } from '../agent-protocol.js'
import {
  addConsent,
  type ConsentStore,
  closePage,
  failureOf,
  findConsent,
  findOpenConsent,
  isPending,
  listConsents,
  type PendingConsent,
  updateConsent,
} from './consent-store.js'

/** The parameters of a callback. */
export type CallbackAnswer = { code: string } | { error: string; description: string | null }

export type ConsentMatch =
  | { matched: true; answer: CallbackAnswer; finished: Promise<ConsentEnd> }
  | { matched: false; problem: CallbackProblem }

export interface PendingConsentsOptions extends ConsentStore {
  /** Exchanges an answer for its token, and stores that. */
  redeem: (consent: PendingConsent, answer: CallbackAnswer, owner: string) => Promise<HeldToken>
}

/** How long a request waits for a decision. */
export interface WaitLimit {
  signal: AbortSignal
  /** Unix seconds. */
  until: number
  /** The whole wait, in seconds. */
  patience: number
}

/** The consents that any process of the agent started, and the way to the user that this process opened for them. */
export interface PendingConsents {
  /** The consent for a need whose page is open, or whose code is being exchanged, whichever process started it. */
  find(need: TokenNeed, owner: string): Promise<PendingConsent | undefined>
  /** Stores a new consent; false if another process was first. */
  begin(consent: PendingConsent, owner: string): Promise<boolean>
  /** Ends the prompts for a consent whose page leads to another program, so that a new one can start. */
  closePage(consent: PendingConsent, owner: string): Promise<void>
  /** The way that this process opened for a consent. */
  wayFor(consent: PendingConsent): OpenConsent | undefined
  /** Keeps the way for a consent open until that has ended. */
  keepOpen(consent: PendingConsent, owner: string, way: OpenConsent): void
  /**
   * Waits for the token; undefined: the consent was removed. The consent stays pending if the wait ends before, and
   * rejects with the reason of the signal or `consent_expired`.
   */
  wait(consent: PendingConsent, owner: string, limit: WaitLimit): Promise<HeldToken | undefined>
  /** Waits for the consent with this page, as long as the user can decide it; undefined: there is none, or no longer. */
  waitForPage(page: string, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
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

interface PendingState extends PendingConsentsOptions {
  /** The ways that this process opened, by state: it takes their callbacks. */
  readonly ways: Map<string, { owner: string; way: OpenConsent }>
  /** What ends the pause of each request that waits, by state. */
  readonly waiting: Map<string, Set<AbortController>>
}

/** Consents that requests of this process wait for at once, at most: more are refused, and none is evicted. */
const maxPending = 10_000

/** Seconds between two reads of a store that other processes use. */
const poll = 0.5

/** Longest pause in seconds: what a timer can count. */
const longestPause = (2 ** 31 - 1) / 1000

/** Seconds that a process has for the exchange of a code before another one may try. */
const leaseTime = 20

/** Creates the consents that wait for their callback. */
export function createPendingConsents(options: PendingConsentsOptions): PendingConsents {
  const pending: PendingState = { ...options, ways: new Map(), waiting: new Map() }
  const { consents, now, ways } = pending

  return {
    find: (need, owner) => findOpenConsent(pending, owner, need),
    begin: (consent, owner) => addConsent(pending, owner, consent),
    closePage: (consent, owner) => closePage(pending, owner, consent),
    wayFor: ({ state }) => ways.get(state)?.way,

    keepOpen({ state }, owner, way) {
      ways.set(state, { owner, way })
      const [oldest] = ways.keys()
      if (ways.size > maxPending && oldest !== undefined) closeWay(pending, oldest)
    },

    wait: (consent, owner, limit) => waitFor(pending, consent, owner, limit),

    async waitForPage(page, owner, signal) {
      const consent = (await listConsents(pending, owner)).find(({ url }) => url === page)
      if (!consent) return undefined
      const { until } = consent
      return waitFor(pending, consent, owner, { signal, until, patience: until - now() })
    },

    async drop({ state }, owner) {
      const there = await findConsent(pending, owner, state)
      if (!there || there.receivedCode !== undefined) return false
      closeWay(pending, state)
      return consents.remove(owner, there.id)
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
      return { matched: true, answer, finished: finish(pending, consent, answer, owner) }
    },
  }
}

function closeWay({ ways }: PendingState, state: string): void {
  const opened = ways.get(state)
  ways.delete(state)
  opened?.way.close()
}

/** The reason that ends a pause when there is something new to read. */
const changed = new Error('the consent has changed')

/** Ends the pause of those who wait for a consent. */
function wake({ waiting }: PendingState, state: string, reason: unknown = changed): void {
  for (const waiter of waiting.get(state) ?? []) waiter.abort(reason)
}

async function waitFor(
  pending: PendingState,
  consent: PendingConsent,
  owner: string,
  { signal, until, patience }: WaitLimit,
): Promise<HeldToken | undefined> {
  const { consents, now, waiting } = pending
  const { state } = consent
  const waiters = waiting.get(state) ?? new Set()
  if (!waiting.has(state) && waiting.size >= maxPending)
    throw new AgentError('token_request_failed', 'Too many consents are pending.')
  waiting.set(state, waiters)
  let isTakenOver = false
  let isOver = false
  for (;;) {
    const woken = new AbortController()
    waiters.add(woken)
    try {
      signal.throwIfAborted()
      const there = await findConsent(pending, owner, state)
      const token = await tokenOf(pending, consent, there, owner)
      if (token || !there || there.ended) closeWay(pending, state)
      if (token) return token
      const failure = there?.ended && 'failure' in there.ended ? there.ended.failure : there?.failed
      if (failure) throw new AgentError(failure.code, failure.message, failure)
      if (!there || !isPending(there, now())) return undefined
      if (there.receivedCode !== undefined && !isTakenOver) {
        isTakenOver = true
        void finish(pending, there, { code: there.receivedCode }, owner)
      }
      const left = until - now()
      if (isOver || left <= 0) throw new AgentError('consent_expired', `Nobody decided within ${patience} s.`)
      isOver = !consents.isShared || left <= poll
      const seconds = Math.min(left, consents.isShared ? poll : longestPause)
      await pause(seconds * 1000, AbortSignal.any([signal, woken.signal])).catch((reason: unknown) => {
        if (reason !== changed) throw reason
        isOver = false
      })
    } finally {
      waiters.delete(woken)
      if (waiters.size === 0) waiting.delete(state)
    }
  }
}

/** The token that a consent gave, or that another page for the same need did. */
async function tokenOf(
  { heldSince }: PendingState,
  { need, begunAt }: PendingConsent,
  there: PendingConsent | undefined,
  owner: string,
): Promise<HeldToken | undefined> {
  return there?.ended && 'token' in there.ended ? there.ended.token : heldSince(need, owner, begunAt)
}

/** Exchanges the code of a callback, in one process at a time, and wakes those who wait for its consent. */
async function finish(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackAnswer,
  owner: string,
): Promise<ConsentEnd> {
  const { now } = pending
  const { state } = consent
  let release: (() => Promise<void>) | undefined
  try {
    release = await takeLease(pending, owner, state)
    const there = await findConsent(pending, owner, state)
    // Another callback of it was first.
    if (!there || !isPending(there, now())) return (await tokenOf(pending, consent, there, owner)) ? 'done' : 'failed'
    await updateConsent(pending, owner, there, { receivedCode: 'code' in answer ? answer.code : undefined })
    const token = await pending.redeem(there, answer, owner)
    await updateConsent(pending, owner, there, { ended: { token: { ...token, refreshToken: undefined } } })
    closeWay(pending, state)
    wake(pending, state)
    return 'done'
  } catch (error) {
    const code = error instanceof AgentError ? error.code : 'token_request_failed'
    const isFinal = 'error' in answer || finalCodes.has(code)
    if (isFinal) closeWay(pending, state)
    const failure = failureOf(error)
    // A code that was not sent is still good: another process may reach an auth server that this one cannot.
    const isUnsent = 'code' in answer && unsentCodes.has(code)
    const change = isFinal ? { ended: { failure } } : isUnsent ? { receivedCode: answer.code } : { failed: failure }
    await updateConsent(pending, owner, consent, change).catch(() => undefined)
    wake(pending, state, error)
    return code === 'other_person' ? 'other_person' : 'failed'
  } finally {
    // If that fails, the lease expires.
    await release?.().catch(() => undefined)
  }
}

/** Waits until no other callback of a consent is being exchanged. */
async function takeLease({ consents, now }: PendingState, owner: string, state: string): Promise<() => Promise<void>> {
  const late = AbortSignal.timeout(2 * leaseTime * 1000)
  for (;;) {
    const release = await consents.lease(owner, state, now() + leaseTime)
    if (release) return release
    await pause(poll * 1000, late)
  }
}

/** Failures after which the same code, or another, cannot succeed. */
const finalCodes: ReadonlySet<AgentErrorCode> = new Set([
  'access_denied',
  'auth_token_refused',
  'other_person',
  'session_forgotten',
])

/** Failures before a code was sent. */
const unsentCodes: ReadonlySet<AgentErrorCode> = new Set(['auth_server_unknown', 'endpoint_refused'])

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
