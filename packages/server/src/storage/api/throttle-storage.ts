import type { NonceClaim } from 'countersign/signatures'
import type { AgentStanding } from './agent-storage.js'

export interface ThrottleStorage {
  /**
   * Claims a nonce for at least `lifetime` seconds. True exactly once for a key, on however many instances. Rejects with
   * `StorageError` `too_many_nonces` where its source has too many, on all of them together.
   */
  claimNonce(claim: NonceClaim): Promise<boolean>
  /**
   * Counts an attempt in the fixed window of `window` seconds that the first attempt opened. The caller makes the key, a
   * hash of what is limited.
   */
  countAttempt(attempt: Attempt): Promise<AttemptCount>
  /** Counts a request of an agent, each attempt with a key of its own; nothing where the agent is blocked. */
  countRequest(request: { agent: string; attempts: readonly RequestAttempt[] }): Promise<CountedRequest>
  /** The limit whose next attempt would be refused, if any; of several, the one that stays reached longest. Counts nothing. */
  findReachedLimit(limits: readonly LimitedAttempt[]): Promise<ReachedLimit | undefined>
  /**
   * Counts one attempt towards each limit, or none of them if one of them would be exceeded, which is then returned. On any
   * number of instances, a limit counts no more attempts than it allows in any period as long as its window.
   */
  countWithinLimits(limits: readonly LimitedAttempt[]): Promise<ReachedLimit | undefined>
  /** Subtracts one attempt from each of the keys, which `countRequest` counted. */
  forgiveAttempts(keys: readonly string[]): Promise<void>
  /** Forgets the attempts that {@link countWithinLimits} counted towards a limit, after one that succeeded. */
  clearAttempts(limit: Pick<LimitedAttempt, 'key' | 'account'>): Promise<void>
  /** Whether a user with this username signed in in this browser. The cost does not depend on the username (attacks C17). */
  isKnownDevice(device: { username: string; browserHash: string }): Promise<boolean>
}

export interface Attempt {
  key: string
  /** Seconds. */
  window: number
}

export interface RequestAttempt extends Attempt {
  /** Counted for agents that anybody ever allowed something, or for others only. @default for all */
  of?: 'allowed' | 'unknown' | undefined
}

export interface CountedRequest extends AgentStanding {
  /** In the order of the attempts; undefined: not counted for this agent. */
  counts: (AttemptCount | undefined)[]
}

export interface LimitedAttempt extends Attempt {
  /** The username it is an attempt on, for which `unlockUser` and `setPasswordHash` clear the attempts. */
  account?: string | undefined
  /** How many attempts the window allows. */
  most: number
}

export interface ReachedLimit {
  limit: LimitedAttempt
  /** When the oldest attempt leaves its window, so that another is allowed. */
  resetAt: number
}

export interface AttemptCount {
  /** Attempts in the current window, this one included. */
  count: number
  /** When the window ends. */
  resetAt: number
}
