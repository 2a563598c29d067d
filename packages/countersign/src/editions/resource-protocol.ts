import type { Discovery } from '../discovery/discovery.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { NetworkOptions } from '../discovery/network-options.js'
import type { ClaimNonce } from '../httpsig/nonces.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import type { VerifiedSignature } from '../httpsig/verify-signature.js'
import type { Algorithm } from '../lib/algorithms.js'
import type { AAuthError, ChallengeContext, ErrorCode } from '../lib/errors.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Challenge } from '../protocol/challenge.js'
import type { EndpointOrigins, IdentifierOptions, OwnDocument } from '../protocol/documents.js'
import type { AuthClaims, Requirement, ResolvedKey, VerifiedRequest } from './verified-request.js'

/** What a resource provides to its edition. */
export interface ResourceTools extends IdentifierOptions {
  id: string
  signer: Signer
  /** The only auth server, if the resource accepts only one. */
  authServer: string | undefined
  /** Whether tokens of an issuer are accepted. */
  acceptsIssuer: (issuer: string) => boolean
  /** Whether the operator listed an issuer by name. */
  isListed: (issuer: string) => boolean
  discovery: Discovery
  /** The scopes that can be requested, with descriptions for the user who decides. */
  scopes: Readonly<Record<string, string>> | undefined
  /** Lifetime of a resource token, in seconds. */
  resourceTokenLifetime: number
  /** Whether the resource is its own agent (S§3.5). */
  ownAgent: boolean
  now: () => number
  /** Accepted signature algorithms; undefined for all. */
  algorithms: readonly Algorithm[] | undefined
  /** The hosts for which requests may be signed. */
  authorities: readonly [string, ...string[]]
  claimNonce: ClaimNonce
  /** Where revoked tokens are stored, if the operator chose a store. */
  revokedTokens: RevokedTokens | undefined
  /** Verifies a signed request to one of the edition's own endpoints. */
  verify: <R extends Requirement>(
    message: ReceivedMessage,
    require: R,
  ) => Promise<VerifiedRequest<R> & { thumbprint: string }>
}

/** Responds to a POST: with JSON, or with any other response. */
export type ResourceEndpoint = (message: ReceivedMessage, contentType: string | null) => Promise<object | Response>

/** The revoked tokens of all issuers, for editions in which issuers report them. All instances of a resource must share one store. */
export interface RevokedTokens {
  /**
   * Records a token until a time in Unix seconds. Resolves to false if the issuer has too many records. Recording a token again changes
   * nothing.
   */
  add(issuer: string, jti: string, until: number): MaybePromise<boolean>
  has(issuer: string, jti: string): MaybePromise<boolean>
}

/** Checks whether an issuer's auth tokens have been revoked. */
export interface RevocationList {
  /**
   * Rejects a revoked auth token. Waits only if the list has not been polled for 3 s, so that the first request after an idle period is
   * checked against the current list.
   *
   * @param agent the agent to which a token belongs if the token does not name one
   * @throws AAuthError `auth_token_invalid`, and `unavailable` if the list cannot be fetched
   */
  requireUnrevoked(claims: AuthClaims, agent: string | undefined): Promise<void>
}

export interface RevocationListOptions extends IdentifierOptions, NetworkOptions {
  /** The auth server that publishes the list. */
  issuer: string
  discovery: Discovery
  /** @default a guarded fetch that allows any address for the auth server's own origin */
  fetch?: FetchDocument | undefined
  /** Other origins at which the list is allowed. */
  endpointOrigins?: EndpointOrigins
  /** Unix seconds. */
  now: () => number
  /** Whether tokens are refused or accepted after 30 seconds without a list. */
  whenUnreachable: 'refuse' | 'accept'
}

/** A token that allows one request. */
export interface SingleUseToken {
  /** Unique among all tokens. */
  id: string
  /** Unix seconds. */
  issuedAt: number
  /** Unix seconds. */
  expiresAt: number
  /** Creates the refusal of a second use. Its challenge lets the agent request another token. */
  used: () => AAuthError
}

/** A resource's side of the protocol in one edition. */
export interface ResourceProtocol {
  /** The resource's published document, served at the path given by its document type. */
  readonly metadata: OwnDocument
  /** The protocol endpoints that the resource serves besides its API, by path. */
  readonly endpoints: ReadonlyMap<string, ResourceEndpoint>
  /**
   * Checks that a verified request meets the requirement.
   *
   * @throws AAuthError with the challenge for what is missing
   */
  judge<R extends Requirement>(
    verified: VerifiedSignature<ResolvedKey>,
    required: { require: R; scope?: string | undefined; orHigher?: boolean | undefined },
  ): VerifiedRequest<R>
  /** The level that a challenge requires if nothing was verified. */
  readonly challengeLevel: (code: ErrorCode, required: Requirement) => string
  /**
   * The token of a judged request, if it allows only that one request; undefined for any other token. Absent if the edition has no such
   * tokens.
   */
  readonly singleUse?: (
    verified: VerifiedSignature<ResolvedKey>,
    required: { scope?: string | undefined },
  ) => SingleUseToken | undefined
  /** The next level above a proven one, for which rate limits are higher. Undefined if the proven level is the highest. */
  readonly levelAbove: (proven: Requirement) => string | undefined
  /** Creates a challenge, with a resource token if the context identifies the party that will hold it. */
  challenge(context: ChallengeContext): Promise<Challenge>
  /** Whether requests can be required to be for a user, whatever the user allowed. @default false */
  readonly hasUserLevel?: boolean
  /** The revocations that issuers report to the resource itself. @default none are reported */
  readonly revocations?: RevocationList
  /** Tracks the auth server's revocations. Undefined if the edition has no revocation list. */
  readonly createRevocationList: ((options: RevocationListOptions) => RevocationList) | undefined
}
