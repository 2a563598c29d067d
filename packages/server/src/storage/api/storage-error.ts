/**
 * A verb that could not be done. `unavailable`: the database did not answer; nothing happened, try again later.
 * `nonce_used`: the nonce of the request was claimed before; nothing happened.
 * `keys_changed`: somebody else moved one of the keys first; nothing happened, look again. `other_issuer`, `schema_newer`,
 * `not_ours`, `not_writable`, `clock_skew` and `misconfigured`: the database cannot be used as it is, or as it is named, and the
 * message tells an operator what to do.
 */
export class StorageError extends Error {
  readonly code:
    | 'username_taken'
    | 'username_looks_alike'
    | 'too_many_requests'
    | 'too_many_nonces'
    | 'nonce_used'
    | 'agent_blocked'
    | 'keys_changed'
    | 'unavailable'
    | 'other_issuer'
    | 'schema_newer'
    | 'not_ours'
    | 'not_writable'
    | 'clock_skew'
    | 'misconfigured'

  constructor(code: StorageError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageError'
    this.code = code
  }
}

/** Why a verb refuses, of the outcomes that it may have. */
export type ReasonOf<O> = O extends { outcome: 'refused'; reason: infer R extends string } ? R : never
