import type { Discovery } from '../discovery/discovery.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import type { AAuthError } from '../lib/errors.js'
import type { IdentifierOptions } from '../protocol/documents.js'
import type { WrittenRefusal } from './edition.js'
import type { AuthClaims } from './verified-request.js'

/** A protected resource as OAuth clients and the auth server see it (RFC 9728). */
export interface ProtectedResource {
  /** Its identifier: the URL of the endpoint, exactly as users type it. */
  readonly id: string
  readonly metadataUrl: string
  readonly metadata: object
  /** The scopes that a first request should ask for. */
  readonly initialScopes: readonly string[]
  /** All scopes that an access token may have here. */
  readonly scopes: ReadonlySet<string>
}

export interface ProtectedResourceOptions {
  id: string
  /** The only auth server. Some clients ignore others. */
  authServer: string
  /** Shown to users, unverified. */
  name: string | undefined
  initialScopes: readonly string[]
  /** The scopes that an access token may have, with descriptions for the user who decides. */
  descriptions: Readonly<Record<string, string>>
}

/** A verified access token. */
export interface AccessToken {
  readonly claims: AuthClaims & { sub: string; client_id: string }
  readonly scope: readonly string[]
}

/** What an endpoint provides to its edition. */
export interface BearerTools extends IdentifierOptions {
  resource: ProtectedResource
  discovery: Discovery
  /** The only auth server whose tokens are accepted. */
  issuer: string
  /** Unix seconds. */
  now: () => number
}

/** An endpoint's side of a protocol in which requests are not signed, but carry a token that works for anyone who has it. */
export interface BearerProtocol {
  /**
   * The access token in a request. Undefined for a signed request, and for a request without an access token.
   *
   * @throws AAuthError `request_malformed` for a token in the query, for repeated or malformed credentials, and for a token in a signed
   *   request
   */
  readToken(message: Pick<ReceivedMessage, 'rawHeaders' | 'rawTarget'>): string | undefined
  /** @throws AAuthError `request_malformed` for content that contains an access token */
  requireNoTokenIn(message: Pick<ReceivedMessage, 'rawHeaders'>, body: Uint8Array): void
  /**
   * @param remoteAddress the client's address, used to limit how many lookups of keys one source can cause
   * @throws AAuthError `auth_token_invalid`, `auth_token_expired`, `unavailable`, `too_many_requests`
   */
  verifyToken(token: string, remoteAddress: string | undefined): Promise<AccessToken>
  /** The `WWW-Authenticate` value for requests without a token. */
  readonly challenge: string
  /** @param scope the space-separated scopes that the client should request */
  writeRefusal(error: AAuthError, scope: string): WrittenRefusal
}
