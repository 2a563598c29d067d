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

/**
 * What a request must prove: a signature; the agent's identity; that the agent acts for a user, whatever the user allowed; or a user's
 * authorization. Not every edition has `user`.
 */
export type Requirement = 'signature' | 'identity' | 'user' | 'authorization'

export interface SignedRequest {
  method: string
  authority: string
  path: string
  /** The components that the signature covers. Empty for `bearer`. */
  covered: readonly string[]
  /** RFC 7638 thumbprint of the signing key. Undefined for `bearer`. */
  thumbprint: string | undefined
  /** How the signature names its key; `bearer` for an OAuth access token without a signature, which proves nothing about its sender. */
  scheme: KeyReference['scheme'] | 'bearer'
  /** The `typ` of the token in `Signature-Key`, if it carries one, or of the access token. */
  tokenType: string | undefined
  /** The body, as checked against its digest. For `bearer`, as received. */
  body: Uint8Array
  /** For `bearer`: the `client_id`. */
  agent: string | undefined
  delegate: string | undefined
  /**
   * A name by which a caller is recognized in all its requests, if not all of them name the agent. @default the agent is recognized by its
   * identifier
   */
  caller?: string | undefined
  /** The authorization in the verified auth token, if the request carries one; present even if the level does not require it. */
  authorization: Authorization | undefined
}

export interface IdentifiedRequest extends SignedRequest {
  agent: string
}

export interface UserRequest extends SignedRequest {
  /** The auth server that knows the user. Use it together with `sub` as the key. */
  iss: string
  /** Opaque id of the user. */
  sub: string
  claims: AuthClaims
}

export interface AuthorizedRequest extends SignedRequest {
  /**
   * The auth server that issued the token. Users from two issuers are different users, even if their `sub` is equal: use both together as
   * the key.
   */
  iss: string
  /** Opaque id of the user, if the token names one. */
  sub: string | undefined
  scope: readonly string[]
  claims: AuthClaims
}

/** A request that was verified at the required level. Only verification creates values of this type. */
export type VerifiedRequest<R extends Requirement = Requirement> = R extends 'authorization'
  ? AuthorizedRequest
  : R extends 'user'
    ? UserRequest
    : R extends 'identity'
      ? IdentifiedRequest
      : SignedRequest

/** The authorization that an auth token proves. */
export interface Authorization {
  readonly claims: AuthClaims
  readonly scope: readonly string[]
  /** Whether the token has expired but is otherwise valid. */
  readonly expired: boolean
}

/** What remains of a request after it: nothing else of the request is kept. */
export interface Authorized extends Pick<SignedRequest, 'authorization'> {
  /** The claims of the token, at the levels that require one. */
  readonly claims?: AuthClaims | undefined
}

/** The claims of an auth token that are common to all editions. Other claims are passed through as the auth server sent them. */
export interface AuthClaims extends RegisteredClaims {
  /** Opaque id of the user, if the token names one. */
  sub?: string
  /** Space-separated. */
  scope?: string
  /** The client, in an OAuth access token. */
  client_id?: string
  [claim: string]: unknown
}

/**
 * The claimed sender of an unverified request: the agent whose keys would be fetched, or that an auth token names, if it names one.
 *
 * @param signatureKey the value of the `Signature-Key` header
 */
export function claimedAgent({ parseKey }: Pick<SigningProfile, 'parseKey'>, signatureKey: string): Refused {
  try {
    const { key } = parseKey(signatureKey)
    const token = key.scheme === 'jwt' ? decodeToken(key.jwt) : undefined
    // The issuer of any other token is a server.
    const agent = 'id' in key ? key.id : token?.payload[String(token.header.typ).includes('agent') ? 'iss' : 'agent']
    return typeof agent === 'string' ? { agent, claimed: true } : {}
  } catch (error) {
    if (error instanceof AAuthError) return {}
    throw error
  }
}

/** The key of a signature, and the agent that the key identifies. */
export interface ResolvedKey {
  readonly key: VerificationKey
  readonly scheme: KeyReference['scheme']
  /** The agent's identifier. Undefined if only a key was proven, or if the edition's tokens do not name agents. */
  readonly agent: string | undefined
  /** The delegate, if a token names one. */
  readonly delegate: string | undefined
  /** The verified token that carried the key. */
  readonly token: VerifiedToken | undefined
  /** Present if the verified token is an auth token. */
  readonly authorization: Authorization | undefined
  /** The claims of a verified token that names a user, but authorizes nothing. */
  readonly user?: AuthClaims | undefined
  /** The type of the document that led to the key, or to the key of the token; undefined if none did. */
  readonly publisher: DocumentType | undefined
  /** Whether the key was fetched for this very request; if so, no newer key is looked up. */
  readonly isNew?: true
}

export interface KeyResolverOptions extends IdentifierOptions {
  discovery: Discovery
  /** The receiver's role. Different roles accept different references, and interpret some of them differently (W11). */
  role: 'resource' | 'authServer'
  /** The receiver's own identifier: the audience of tokens. */
  audience: string
  now: () => number
  /** Accepted issuers of auth tokens: those that the operator listed. */
  authTokenIssuers: readonly string[]
  /** Decides on an issuer that the operator did not list. @default none is accepted */
  acceptsIssuer?: ((issuer: string) => boolean) | undefined
  /** Accepts `scheme=x509`. If absent, no roots are configured, and nothing is fetched. */
  certificates?: CertificateFinder | undefined
}

/** Finds the keys to which `Signature-Key` refers. */
export interface KeyResolver {
  /**
   * Returns the key, after verifying the token that carries it. The caller decides whether that satisfies the request.
   *
   * @param remoteAddress the source of the request, used to limit how many fetches one source can cause
   * @param due the request's requirement: a string that is not a token is reported as an invalid token of that kind
   * @throws AAuthError
   */
  resolve(reference: KeyReference, remoteAddress?: string, due?: Requirement): Promise<ResolvedKey>
  /**
   * Looks up another key for the reference if the signature does not match the one that was found. An agent with a new key may publish it
   * under the old name; agents that create a key each time they start do so.
   */
  renew(reference: KeyReference, resolved: ResolvedKey, remoteAddress?: string): Promise<ResolvedKey | undefined>
}

/**
 * Returns whether a body must be signed, depending on the signer, if some agents may leave bodies unsigned. If undefined, every body must
 * be signed. If this depends on the agent, keys are fetched before the requirement is known.
 */
export function bodyCoverage(unsignedBodies: AgentSelection): ((resolved: ResolvedKey) => BodyCoverage) | undefined {
  if (typeof unsignedBodies !== 'function' && unsignedBodies.length === 0) return undefined
  return ({ agent }) => (isSelected(unsignedBodies, agent) ? 'if-covered' : 'required')
}
