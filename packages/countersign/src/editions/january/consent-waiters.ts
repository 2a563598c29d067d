import { AgentError } from '../../lib/agent-error.js'
import type { AgentTools, HeldToken } from '../agent-protocol.js'
import { type PendingConsent, tooLate } from './consent-store.js'

/** Consents that are pending at once, at most: more are refused, and none is evicted. */
export const maxPending = 10_000

/** Longest delay of a timer, in milliseconds. */
const longestTimer = 2 ** 31 - 1

/** Milliseconds between two heartbeats. */
const heartbeatInterval = 2000

interface Waiter {
  resolve: (token: HeldToken) => void
  reject: (reason: unknown) => void
}

/** The requests in this process that wait for one consent. */
interface Waiting {
  owner: string
  /** The user has decided: only the exchange settles the waiters now. */
  isDecided: boolean
  waiters: Set<Waiter>
  timer: ReturnType<typeof setTimeout> | undefined
}

/** The requests in this process that wait for consents. */
export interface ConsentWaiters extends Pick<AgentTools, 'consents' | 'now'> {
  /** By state. */
  readonly waiting: Map<string, Waiting>
}

/** The requests that wait for a consent; other processes get a heartbeat as long as there are any. */
export function holdConsent(waiters: ConsentWaiters, consent: PendingConsent, owner: string): Waiting {
  const { consents, now, waiting } = waiters
  const { state, until } = consent
  const known = waiting.get(state)
  if (known) return known
  if (waiting.size >= maxPending) throw new AgentError('token_request_failed', 'Too many consents are pending.')
  const held: Waiting = { owner, isDecided: false, waiters: new Set(), timer: undefined }
  const expire = () => settleConsent(waiters, state, ({ reject }) => reject(tooLate(consent.patience)))
  waiting.set(state, held)
  if (consents.isShared) keepHeartbeat(waiters, held, state)
  else held.timer = later((until - now()) * 1000, expire)
  return held
}

function keepHeartbeat(waiters: ConsentWaiters, held: Waiting, state: string): void {
  held.timer = later(heartbeatInterval, () => {
    void waiters.consents
      .heartbeat(held.owner, state)
      .catch(() => undefined)
      .finally(() => waiters.waiting.get(state) === held && keepHeartbeat(waiters, held, state))
  })
}

/** Ends the wait for a consent. */
export function settleConsent({ waiting }: ConsentWaiters, state: string, settle: (waiter: Waiter) => void): void {
  const held = waiting.get(state)
  if (!held) return
  clearTimeout(held.timer)
  waiting.delete(state)
  for (const waiter of held.waiters) settle(waiter)
}

/**
 * Joins those who wait for a consent, until the signal aborts.
 *
 * @param ended aborts at the end of the wait
 */
export function joinWaiters(held: Waiting, signal: AbortSignal, ended: AbortSignal): [Promise<HeldToken>, Waiter] {
  // A wait keeps the program alive.
  if (typeof held.timer === 'object') held.timer.ref()
  let waiter!: Waiter
  const token = new Promise<HeldToken>((resolve, reject) => {
    waiter = { resolve, reject }
    held.waiters.add(waiter)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: ended })
  })
  return [token, waiter]
}

/** Runs a timer that does not keep the program alive. */
function later(milliseconds: number, work: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(work, Math.min(milliseconds, longestTimer))
  if (typeof timer === 'object') timer.unref()
  return timer
}
