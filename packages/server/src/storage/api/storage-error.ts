/**
 * The error of a verb that failed. `unavailable`: the database did not respond; nothing was changed, retry later. `nonce_used`: the
 * request's nonce was already claimed; nothing was changed. `link_taken`: another open request has the same link handle; nothing was changed,
 * choose another one. `token_revoked`: the issuer of a token that the verb relies on has revoked it; nothing was changed. `too_many_permissions`: the agent would hold more different permissions at the resource than pages can show; nothing was
 * changed. `keys_changed`: another process moved one of the keys first; nothing was
 * changed, read the keys again. `other_issuer`, `schema_newer`, `not_ours`, `not_writable`, `clock_skew` and `misconfigured`: the database
 * cannot be used in its current state or with this configuration, and the message tells an operator what to do.
 */
export class StorageError extends Error {
  readonly code:
    | 'username_taken'
    | 'username_looks_alike'
    | 'too_many_requests'
    | 'too_many_nonces'
    | 'nonce_used'
    | 'link_taken'
    | 'agent_blocked'
    | 'token_revoked'
    | 'too_many_permissions'
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

/** Returns the code of an error of Node.js or of a library; undefined if it has none. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** The reasons for which a verb can refuse, derived from its outcomes. */
export type ReasonOf<O> = O extends { outcome: 'refused'; reason: infer R extends string } ? R : never
