import type { RegisteredClaims } from '../tokens/token-type.js'

/** What an auth token says that somebody allowed. */
export interface Authorization {
  readonly claims: AuthClaims
  readonly scope: readonly string[]
  /** Nothing else is wrong with the token. */
  readonly expired: boolean
}

/** The claims of an auth token that every edition has; the others are as the auth server sent them. */
export interface AuthClaims extends RegisteredClaims {
  /** Opaque id of the person, where one is named. */
  sub?: string
  /** Space-separated. */
  scope?: string
  [claim: string]: unknown
}
