import type { Discovery } from '../discovery/discovery.js'
import type { CertificateFinder } from '../discovery/found-certificate.js'
import type { BodyCoverage } from '../httpsig/message-components.js'
import type { KeyReference, SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { VerificationKey } from '../lib/jwk.js'
import type { Refused } from '../lib/refusal.js'
import { type AgentSelection, isSelected } from '../protocol/agent-selection.js'
import type { DocumentType, IdentifierOptions } from '../protocol/documents.js'
import { decodeToken, type RegisteredClaims, type VerifiedToken } from '../tokens/verify-token.js'

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

/** The key of a signature, and who it speaks for. */
export interface ResolvedKey {
  readonly key: VerificationKey
  readonly scheme: KeyReference['scheme']
  /** The agent's identifier; undefined when only a key was proven, or the edition's tokens name none. */
  readonly agent: string | undefined
  /** The delegate, where a token names one. */
  readonly delegate: string | undefined
  /** The token that the key came in, verified. */
  readonly token: VerifiedToken | undefined
  /** There where that token is an auth token. */
  readonly authorization: Authorization | undefined
  /** The document that led to the key, or to the key of the token; undefined where none did. */
  readonly publisher: DocumentType | undefined
  /** The key was found for this very request, so that no newer one is looked for. */
  readonly isNew?: true
}

export interface KeyResolverOptions extends IdentifierOptions {
  discovery: Discovery
  /** Whose requests these are to: not all references count at both, nor mean the same (W11). */
  role: 'resource' | 'authServer'
  /** Own identifier: the audience of tokens. */
  audience: string
  now: () => number
  /** Issuers of auth tokens that are accepted. */
  authTokenIssuers: readonly string[]
  /** Accepts `scheme=x509`. Absent: no roots are configured, and nothing is fetched. */
  certificates?: CertificateFinder | undefined
}

/** Finds the keys that `Signature-Key` points to. */
export interface KeyResolver {
  /**
   * The key, with the token it rides in verified. Whether that is enough for the request, the caller judges.
   *
   * @param remoteAddress where the request came from: what one source can make us fetch is limited
   * @param due what the request must prove: a text that is no token is refused as one for this
   * @throws AAuthError
   */
  resolve(reference: KeyReference, remoteAddress?: string, due?: Requirement): Promise<ResolvedKey>
  /**
   * Another key behind the reference, where the signature is not by the one that was found: an agent that made a new key
   * may publish it under the name of the old one, as those do that make one whenever they start.
   */
  renew(reference: KeyReference, resolved: ResolvedKey, remoteAddress?: string): Promise<ResolvedKey | undefined>
}

/**
 * Whether a body must be signed, by who signed, where some agents may leave theirs unsigned; undefined: none may. Where it
 * depends on the agent, keys are looked for before it is known.
 */
export function bodyCoverage(unsignedBodies: AgentSelection): ((resolved: ResolvedKey) => BodyCoverage) | undefined {
  if (typeof unsignedBodies !== 'function' && unsignedBodies.length === 0) return undefined
  return ({ agent }) => (isSelected(unsignedBodies, agent) ? 'if-covered' : 'required')
}
