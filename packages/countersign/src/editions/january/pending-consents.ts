import { AgentError } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import type { CallbackProblem, ConsentEnd, HeldToken, OpenConsent, TokenNeed } from '../agent-protocol.js'
import {
  addConsent,
  findConsent,
  findOpenConsent,
  isPending,
  listConsents,
  type PendingConsent,
} from '../consent-store.js'
import {
  type CallbackResponse,
  changed,
  closeChannel,
  finish,
  type PendingConsentsOptions,
  type PendingState,
  poll,
  tokenOf,
} from './exchange-callback.js'

export type ConsentMatch =
  | { matched: true; answer: CallbackResponse; finished: Promise<ConsentEnd> }
  | { matched: false; problem: CallbackProblem }

/** How long a request waits for a decision. */
export interface WaitLimit {
  signal: AbortSignal
  /** Unix seconds. */
  until: number
  /** Total wait, in seconds. */
  patience: number
}

/** The consents started by any process of the agent, and the user channels that this process opened for them. */
export interface PendingConsents {
  /** The consent for a need whose page is open or whose code is being exchanged, regardless of which process started it. */
  find(need: TokenNeed, owner: string): Promise<PendingConsent | undefined>
  /** Stores a new consent; false if another process was first. */
  begin(consent: PendingConsent, owner: string): Promise<boolean>
  /** The user channel that this process opened for a consent. */
  channelFor(consent: PendingConsent): OpenConsent | undefined
  /** Keeps the user channel of a consent open until the consent has ended. */
  keepOpen(consent: PendingConsent, owner: string, way: OpenConsent): void
  /**
   * Waits for the token. Resolves to undefined if the consent was removed. If the wait ends first, the consent stays pending, and this
   * rejects with the signal's reason or with `consent_expired`.
   */
  wait(consent: PendingConsent, owner: string, limit: WaitLimit): Promise<HeldToken | undefined>
  /**
   * Waits for the consent with this page, for as long as the user can decide it. Resolves to undefined if no such consent exists, or if it
   * no longer exists.
   */
  waitForPage(page: string, owner: string, signal: AbortSignal): Promise<HeldToken | undefined>
  /** Removes a consent for which the user was not prompted; returns false if they decided it anyway. */
  drop(consent: PendingConsent, owner: string): Promise<boolean>
  /**
   * Finds the consent to which a callback belongs, with the checks of W13, and obtains its token, even if no request is waiting for it any
   * more. A callback that matches no consent changes nothing.
   *
   * @param owner the owner of the browser, if known
   */
  complete(parameters: URLSearchParams, owner: string | undefined): Promise<ConsentMatch>
}

/** Maximum number of consents that this process's requests can wait for at once. Further consents are refused; none is evicted. */
const maxPending = 10_000

/** Longest pause, in seconds: the longest delay of a timer. */
const longestPause = (2 ** 31 - 1) / 1000

/** Creates the store of consents that are waiting for their callback. */
export function createPendingConsents(options: PendingConsentsOptions): PendingConsents {
  const pending: PendingState = { ...options, ways: new Map(), waiting: new Map() }
  const { consents, now, ways } = pending

  return {
    find: (need, owner) => findOpenConsent(pending, owner, need),
    begin: (consent, owner) => addConsent(pending, owner, consent),
    channelFor: ({ state }) => ways.get(state)?.way,

    keepOpen({ state }, owner, way) {
      ways.set(state, { owner, way })
      const [oldest] = ways.keys()
      if (ways.size > maxPending && oldest !== undefined) closeChannel(pending, oldest)
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
      closeChannel(pending, state)
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
  let isTakenOver = false
  let isOver = false
  for (;;) {
    const woken = new AbortController()
    waiters.add(woken)
    waiting.set(state, waiters)
    try {
      signal.throwIfAborted()
      const there = await findConsent(pending, owner, state)
      const token = await tokenOf(pending, consent, there, owner)
      if (token || !there || there.ended) closeChannel(pending, state)
      if (there?.receivedCode !== undefined && isPending(there, now()) && !isTakenOver) {
        isTakenOver = true
        void finish(pending, there, { code: there.receivedCode }, owner)
      }
      if (token) return token
      const failure = there?.ended && 'failure' in there.ended ? there.ended.failure : there?.failed
      if (failure) throw new AgentError(failure.code, failure.message, failure)
      if (!there || !isPending(there, now())) return undefined
      const left = until - now()
      if (isOver || left <= 0) throw new AgentError('consent_expired', `No decision within ${patience} s.`)
      isOver = !consents.isShared || left <= poll
      const seconds = Math.min(left, consents.isShared ? poll : longestPause)
      await pause(seconds * 1000, AbortSignal.any([signal, woken.signal])).catch((reason: unknown) => {
        if (reason !== changed) throw reason
      })
    } finally {
      waiters.delete(woken)
      if (waiters.size === 0) waiting.delete(state)
    }
  }
}

const answerParameters = ['state', 'iss', 'code', 'error'] as const

/** The pending consent to which a callback belongs, and the response in the callback (W13). */
function matchCallback(
  parameters: URLSearchParams,
  pending: readonly PendingConsent[],
): { consent: PendingConsent; answer: CallbackResponse } | CallbackProblem {
  if (answerParameters.some((name) => parameters.getAll(name).length > 1)) return 'malformed'
  const state = parameters.get('state')
  const consent = state === null ? onlyStateless(pending) : pending.find((each) => each.state === state)
  if (!consent) return 'unknown'
  const iss = parameters.get('iss')
  if (iss === null ? consent.issRequired : iss !== consent.need.authServer) return 'other_server'
  const answer = parseCallbackResponse(parameters)
  return answer ? { consent, answer } : 'malformed'
}

function parseCallbackResponse(parameters: URLSearchParams): CallbackResponse | undefined {
  const code = parameters.get('code')
  const error = parameters.get('error')
  if (code !== null) return error === null ? { code } : undefined
  return error === null ? undefined : { error, description: parameters.get('error_description') }
}

function onlyStateless(own: readonly PendingConsent[]): PendingConsent | undefined {
  const [only] = own
  return own.length === 1 && only?.stateOptional ? only : undefined
}
