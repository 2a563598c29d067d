import type { KeyReference, SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { Refused } from '../lib/refusal.js'
import { decodeToken } from '../tokens/decode-token.js'
import type { RegisteredClaims } from '../tokens/token-type.js'

/** What a request must prove: that it is signed, which agent it is from, that somebody allowed it. */
export type Requirement = 'signature' | 'identity' | 'authorization'

export interface SignedRequest {
  method: string
  authority: string
  path: string
  /** What the signature covers. */
  covered: readonly string[]
  /** RFC 7638 thumbprint of the key that signed. */
  thumbprint: string
  scheme: KeyReference['scheme']
  /** The `typ` of the token in `Signature-Key`, where there is one. */
  tokenType: string | undefined
  /** The content that the digest was checked against. */
  body: Uint8Array
  agent: string | undefined
  delegate: string | undefined
  /** What the auth token says that was shown, verified, also where the level asks for none. */
  authorization: Authorization | undefined
}

export interface IdentifiedRequest extends SignedRequest {
  agent: string
}

export interface AuthorizedRequest extends SignedRequest {
  /** The auth server that says so. Users of two issuers are two users, also with equal `sub`: key by both. */
  iss: string
  /** Opaque id of the person, where the token names one. */
  sub: string | undefined
  scope: readonly string[]
  claims: AuthClaims
}

/** A request that was verified at the level asked for. No value of this type exists otherwise. */
export type VerifiedRequest<R extends Requirement = Requirement> = R extends 'authorization'
  ? AuthorizedRequest
  : R extends 'identity'
    ? IdentifiedRequest
    : SignedRequest

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

/**
 * Who a request that was not verified says it is from: whose keys are looked for, whatever else its token claims.
 *
 * @param signatureKey the text of the header `Signature-Key`
 */
export function claimedAgent({ parseKey }: Pick<SigningProfile, 'parseKey'>, signatureKey: string): Refused {
  try {
    const { key } = parseKey(signatureKey)
    const agent = 'id' in key ? key.id : key.scheme === 'jwt' ? decodeToken(key.jwt)?.payload.iss : undefined
    return typeof agent === 'string' ? { agent, claimed: true } : {}
  } catch (error) {
    if (error instanceof AAuthError) return {}
    throw error
  }
}
