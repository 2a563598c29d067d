import type { Discovery } from '../discovery/discovery.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { NetworkOptions } from '../discovery/network-options.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import type { VerifiedSignature } from '../httpsig/verify-signature.js'
import type { ChallengeContext, ErrorCode } from '../lib/errors.js'
import type { Signer } from '../lib/jwk.js'
import type { Challenge } from '../protocol/challenge.js'
import type { EndpointOrigins, IdentifierOptions, OwnDocument } from '../protocol/documents.js'
import type { AuthClaims, Requirement, ResolvedKey, VerifiedRequest } from './verified-request.js'

/** What a resource gives its edition to work with. */
export interface ResourceTools {
  id: string
  signer: Signer
  authServer: string
  /** What can be asked for, in words for the person who decides. */
  scopes: Readonly<Record<string, string>> | undefined
  /** Seconds that a resource token lives. */
  resourceTokenLifetime: number
  /** The resource is its own agent (S§3.5). */
  ownAgent: boolean
  now: () => number
  /** Verifies a request to an endpoint of the edition's own. */
  verify: <R extends Requirement>(message: ReceivedMessage, require: R) => Promise<VerifiedRequest<R>>
}

/** Answers a POST with JSON. */
export type ResourceEndpoint = (message: ReceivedMessage, contentType: string | null) => Promise<object>

/** What a resource took back of the tokens that its auth server issued. */
export interface RevocationList {
  /**
   * Refuses an auth token that its issuer took back. It waits only where nothing was polled for 3 s, so that the first
   * request after a pause is judged by what holds now.
   *
   * @param agent who is meant by a token that names no agent
   * @throws AAuthError `auth_token_invalid`, and `unavailable` if the list cannot be fetched
   */
  requireUnrevoked(claims: AuthClaims, agent: string | undefined): Promise<void>
}

export interface RevocationListOptions extends IdentifierOptions, NetworkOptions {
  /** The auth server whose list it is. */
  issuer: string
  discovery: Discovery
  /** @default a guarded fetch, for which the auth server's origin may be at any address */
  fetch?: FetchDocument | undefined
  /** Other origins that the list may be at. */
  endpointOrigins?: EndpointOrigins
  /** Unix seconds. */
  now: () => number
  /** What happens to tokens after 30 seconds without a list. */
  whenUnreachable: 'refuse' | 'accept'
}

/** What a resource says and asks for in one edition. */
export interface ResourceProtocol {
  /** What the resource publishes about itself, at the address that its document type names. */
  readonly metadata: OwnDocument
  /** What the resource answers besides its API, by path. */
  readonly endpoints: ReadonlyMap<string, ResourceEndpoint>
  /**
   * Judges whether what was verified is what is required.
   *
   * @throws AAuthError with the challenge that says what is missing
   */
  judge<R extends Requirement>(
    verified: VerifiedSignature<ResolvedKey>,
    required: { require: R; scope?: string | undefined },
  ): VerifiedRequest<R>
  /** What to ask for where nothing was verified. */
  readonly levelToAsk: (code: ErrorCode, required: Requirement) => string
  /** The level above one that was proven, which has higher limits; undefined: there is none. */
  readonly levelAbove: (proven: Requirement) => string | undefined
  /** A challenge, with a resource token where the context says for whom. */
  challenge(context: ChallengeContext): Promise<Challenge>
  /** Follows what the auth server takes back; undefined where the edition publishes no list. */
  readonly createRevocationList: ((options: RevocationListOptions) => RevocationList) | undefined
}
