import type { NonceClaim } from 'countersign/signatures'
import type { AgentStanding } from './agent-storage.js'

export interface ThrottleStorage {
  /**
   * Claims a nonce for at least `lifetime` seconds. Returns true exactly once per key, across all instances. Rejects with `StorageError`
   * `too_many_nonces` if the nonce's source has claimed too many, across all instances.
   */
  claimNonce(claim: NonceClaim): Promise<boolean>
  /**
   * Counts an attempt in a fixed window of `window` seconds that starts with the first attempt. The caller derives the key by hashing the
   * limited subject.
   */
  countAttempt(attempt: Attempt): Promise<AttemptCount>
  /** Counts a request from an agent, with each attempt under its own key. If the agent is blocked, counts nothing. */
  countRequest(request: { agent: string; attempts: readonly RequestAttempt[] }): Promise<CountedRequest>
  /**
   * Returns a limit that would refuse the next attempt, or undefined. If several limits would refuse it, returns the one that resets last.
   * Counts nothing.
   */
  findReachedLimit(limits: readonly LimitedAttempt[]): Promise<ReachedLimit | undefined>
  /**
   * Counts one attempt toward each limit. If the attempt would exceed one of them, counts nothing and returns that limit. Across any number
   * of instances, a limit never counts more attempts than it allows within any period of its window's length.
   */
  countWithinLimits(limits: readonly LimitedAttempt[]): Promise<ReachedLimit | undefined>
  /** Subtracts one attempt, previously counted by `countRequest`, from each of these keys. */
  forgiveAttempts(keys: readonly string[]): Promise<void>
  /** After a successful attempt, clears the attempts that {@link countWithinLimits} counted toward a limit. */
  clearAttempts(limit: Pick<LimitedAttempt, 'key' | 'account'>): Promise<void>
  /** Whether a user with this username has signed in with this browser. The cost does not depend on the username (attacks C17). */
  isKnownDevice(device: { username: string; browserHash: string }): Promise<boolean>
}

export interface Attempt {
  key: string
  /** Seconds. */
  window: number
}

export interface RequestAttempt extends Attempt {
  /** If set, the attempt is counted only for agents that a user has ever allowed anything, or only for the others. @default all agents */
  of?: 'allowed' | 'unknown' | undefined
}

export interface CountedRequest extends Omit<AgentStanding, 'isHostBlocked'> {
  /** In the order of the attempts; undefined for an attempt that is not counted for this agent. */
  counts: (AttemptCount | undefined)[]
}

export interface LimitedAttempt extends Attempt {
  /** The username that the attempt targets. `unlockUser` and `setPasswordHash` clear its attempts. */
  account?: string | undefined
  /** Maximum number of attempts per window. */
  most: number
}

export interface ReachedLimit {
  limit: LimitedAttempt
  /** When the oldest attempt leaves the window, so that another one is allowed. */
  resetAt: number
}

export interface AttemptCount {
  /** Number of attempts in the current window, including this one. */
  count: number
  /** When the window ends. */
  resetAt: number
}

/** The seconds until a limit ends, for `Retry-After`: at least 1, even if the clock of this machine is ahead of the storage's. */
export function secondsUntil(resetAt: number, now: number): number {
  return Math.max(1, resetAt - now)
}
