import type { JoseRules } from '../lib/algorithms.js'
import type { ErrorCode } from '../lib/errors.js'
import type { DocumentType } from '../protocol/document-type.js'

/** The claims that every token has, or may have (RFC 7519 §4.1). */
export interface RegisteredClaims {
  iss: string
  exp: number
  aud?: string | string[]
  iat?: number
  nbf?: number
  jti?: string
}

export type ClaimKind = 'identifier' | 'string' | 'seconds' | 'confirmation' | 'thumbprint' | 'entries' | 'times'

/** A claim, and what its value must be. */
export type ClaimRule = readonly [name: string, kind: ClaimKind]

/** A token as an edition writes it: all that differs between one and another. */
export interface TokenType<C extends RegisteredClaims = RegisteredClaims> {
  readonly typ: string
  readonly jose: JoseRules
  /** The document in which the issuer publishes its keys. */
  readonly issuerDocument: DocumentType
  /** Claims that must be there. */
  readonly required: readonly ClaimRule[]
  /** Claims checked where they are there. */
  readonly optional: readonly ClaimRule[]
  /** What is wrong with claims that are each of the right kind; undefined: nothing. */
  problem?(claims: C): string | undefined
  /** Whether a missing `aud` is refused. */
  readonly audience: 'required' | 'optional'
  /** Seconds from now that `exp` may lie ahead at most (attacks T09). */
  readonly maxLifetime: number
  readonly invalid: ErrorCode
  readonly expired: ErrorCode
  /** Where there is a new one, for who holds the token. */
  readonly renewal?: string
}
