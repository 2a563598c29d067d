import type { NonceClaim } from 'countersign/wire'
import type { AgentStanding } from '../agents/agent-storage.js'

export interface ThrottleStorage {
  /**
   * Claims a nonce for at least `lifetime` seconds. True exactly once for a key, on however many instances. Rejects with
   * `StorageError` `too_many_nonces` where its source has too many, on all of them together.
   */
  claimNonce(claim: NonceClaim): Promise<boolean>
  /**
   * Counts an attempt in the window of `window` seconds that the first attempt opened. The caller makes the key, a
   * hash of what is limited.
   */
  countAttempt(attempt: Attempt): Promise<AttemptCount>
  /** Counts a request of an agent, each attempt with a key of its own; nothing where the agent is blocked. */
  countRequest(request: { agent: string; attempts: readonly RequestAttempt[] }): Promise<CountedRequest>
  /** Takes one attempt of each key back. */
  forgiveAttempts(keys: readonly string[]): Promise<void>
  /** Forgets the attempts, after one that succeeded. */
  clearAttempts(key: string): Promise<void>
  /** Remembers, at a sign-in, the browser in which it succeeded (attacks C16). */
  rememberDevice(device: Device): Promise<void>
  isKnownDevice(device: Device): Promise<boolean>
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

/** An attempt at what a verb does, which refuses beyond so many in the window. What it refuses counts as well. */
export interface LimitedAttempt extends Attempt {
  most: number
}

export interface AttemptCount {
  /** Attempts in the current window, this one included. */
  count: number
  /** When the window ends. */
  resetAt: number
}

export interface Device {
  userId: string
  browserHash: string
}
