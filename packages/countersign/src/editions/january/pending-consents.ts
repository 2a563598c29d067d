import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import {
  type AgentTools,
  type CallbackProblem,
  type ConsentEnd,
  exchangeTime,
  type HeldToken,
  type Lease,
  type OpenConsent,
  type TokenNeed,
} from '../agent-protocol.js'
import {
  addConsent,
  type ConsentStore,
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

export interface PendingConsentsOptions extends ConsentStore, Pick<AgentTools, 'heldSince' | 'discard'> {
  /**
   * Exchanges an answer for its token, and stores that.
   *
   * @param proceed called before the code is sent, and before the token is stored: rejects if neither may happen
   */
  redeem: (
    consent: PendingConsent,
    answer: CallbackAnswer,
    owner: string,
    proceed: () => Promise<void>,
  ) => Promise<HeldToken>
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
      if (there?.receivedCode !== undefined && isPending(there, now()) && !isTakenOver) {
        isTakenOver = true
        void finish(pending, there, { code: there.receivedCode }, owner)
      }
      if (token) return token
      const failure = there?.ended && 'failure' in there.ended ? there.ended.failure : there?.failed
      if (failure) throw new AgentError(failure.code, failure.message, failure)
      if (!there || !isPending(there, now())) return undefined
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

/** Attempts at what precedes an exchange, which the store may refuse for a moment. */
const attempts = 3

/** Exchanges the code of a callback, in one process at a time, and wakes those who wait for its consent. */
async function finish(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackAnswer,
  owner: string,
): Promise<ConsentEnd> {
  const { now } = pending
  const code = codeOf(answer)
  for (let left = attempts - 1; ; left -= 1) {
    let lease: Lease | undefined
    try {
      lease = await takeLease(pending, owner, consent.state)
      if (!lease) return 'failed'
      const there = await findConsent(pending, owner, consent.state)
      const token = await tokenOf(pending, consent, there, owner)
      if (token) {
        await endWith(pending, consent, token, owner)
        return 'done'
      }
      // What another process had stored is left to it, if that completed it in the meantime.
      const isCompleted = consent.receivedCode === code && there?.receivedCode !== code
      if (!there || !isPending(there, now()) || isCompleted) return 'failed'
      await updateConsent(pending, owner, there, { receivedCode: code, failed: undefined })
      return await exchange(pending, there, answer, { owner, lease })
    } catch {
      // Nothing was sent. A stored code is still good, as another process may reach the auth server that this one cannot.
      if (left === 0) return 'failed'
      await pausePolling()
    } finally {
      // If that fails, the lease expires.
      await lease?.release().catch(() => undefined)
    }
  }
}

const codeOf = (answer: CallbackAnswer) => ('code' in answer ? answer.code : undefined)

/** Stores the result for other processes. The token is stored already: if this fails, they find that. */
async function endWith(pending: PendingState, consent: PendingConsent, token: HeldToken, owner: string): Promise<void> {
  const ended = { token: { ...token, refreshToken: undefined } }
  await updateConsent(pending, owner, consent, { receivedCode: undefined, ended }).catch(() => undefined)
  closeWay(pending, consent.state)
  wake(pending, consent.state)
}

/** Exchanges an answer under a lease. Rejects only if the code was not sent and may be exchanged in another attempt. */
async function exchange(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackAnswer,
  { owner, lease }: { owner: string; lease: Lease },
): Promise<ConsentEnd> {
  const { state } = consent
  let isSent = false
  const proceed = async () => {
    const there = await findConsent(pending, owner, state).catch((error: unknown) => {
      if (!isSent) throw error
      return consent
    })
    if (!there) throw new AgentError('session_forgotten', 'The consent was forgotten.')
    if (!isSent && (there.receivedCode !== codeOf(answer) || lease.until - pending.now() < exchangeTime))
      throw new Error('lease ended')
    isSent = true
  }
  try {
    const token = await pending.redeem(consent, answer, owner, proceed)
    // If it was forgotten while the token was stored, that is removed.
    await proceed().catch(async (error: unknown) => {
      await pending.discard(owner, token)
      throw error
    })
    await endWith(pending, consent, token, owner)
    return 'done'
  } catch (error) {
    const failure = failureOf(error)
    const isFinal = 'error' in answer || finalCodes.has(failure.code)
    if (!isSent && !isFinal && !(error instanceof AgentError)) throw error
    if (isFinal) closeWay(pending, state)
    const change = { receivedCode: undefined, ...(isFinal ? { ended: { failure } } : { failed: failure }) }
    if (isFinal || isSent) await updateConsent(pending, owner, consent, change).catch(() => undefined)
    wake(pending, state, error)
    return failure.code === 'other_person' ? 'other_person' : 'failed'
  }
}

/** Waits until no other callback of a consent is being exchanged; undefined if that takes too long. */
async function takeLease({ consents, now }: PendingState, owner: string, state: string): Promise<Lease | undefined> {
  let holder: string | undefined
  let polls = 0
  for (let waited = 0; waited < 2 * leaseTime; waited += poll) {
    // The clock may have been set back since it was granted.
    const overdue = polls * poll >= leaseTime ? holder : undefined
    const lease = await consents.lease(owner, state, now() + leaseTime, overdue)
    if ('holder' in lease) {
      polls = lease.holder === holder ? polls + 1 : 0
      holder = lease.holder
    } else {
      if (lease.until - now() >= exchangeTime) return lease
      await lease.release()
    }
    await pausePolling()
  }
  return undefined
}

const pausePolling = () => pause(poll * 1000, new AbortController().signal)

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
