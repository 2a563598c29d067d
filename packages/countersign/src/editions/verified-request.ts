import type { KeyReference } from '../httpsig/key-reference.js'
import type { AuthClaims, Authorization } from './authorization.js'

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
