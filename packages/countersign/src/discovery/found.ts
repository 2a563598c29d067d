import type { VerificationKey } from '../lib/jwk.js'

/** Why no document or key was found; the caller decides which error that is. */
export interface DiscoveryFailure {
  /**
   * `unreachable`: the origin did not answer, and nothing usable is cached; `refused`: what it answered is not
   * acceptable; `unknown_kid`: no key of this name is published; `unusable`: the key of this name may not be used,
   * and the message says what to do; `busy`: too much is being fetched already.
   */
  reason: 'unreachable' | 'refused' | 'unknown_kid' | 'unusable' | 'busy'
  message: string
  cause?: unknown
  /** Seconds after which to ask again, with `busy`. */
  retryAfter?: number
}

/** A key, and whether it is of a document that was fetched for this very lookup: then no newer one is published. */
export type FoundKey = { found: VerificationKey; isNew?: true } | { failure: DiscoveryFailure }

export type Found<T> = { found: T } | { failure: DiscoveryFailure }
