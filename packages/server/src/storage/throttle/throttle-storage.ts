import type { NonceClaim } from 'countersign/wire'

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
  /** Counts several at once, each with a key of its own; in their order. */
  countAttempts(attempts: readonly Attempt[]): Promise<AttemptCount[]>
  /** Takes one attempt back, after it succeeded. */
  forgiveAttempt(key: string): Promise<void>
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
