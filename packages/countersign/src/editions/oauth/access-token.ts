import { findTokenKey } from '../../discovery/discovery.js'
import type { Found } from '../../discovery/fetch-document.js'
import { registeredNames } from '../../lib/algorithms.js'
import { AAuthError } from '../../lib/errors.js'
import type { VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { DocumentType } from '../../protocol/documents.js'
import { parseScope } from '../../protocol/parameters.js'
import { decodeToken, parseObject, type TokenType, verifyDecodedToken } from '../../tokens/verify-token.js'
import type { AccessToken, BearerProtocol, BearerTools } from '../bearer-protocol.js'
import type { AuthClaims } from '../verified-request.js'

/** The authorization server metadata, which contains the URL of the keys (RFC 8414). */
const serverDocument: DocumentType<{ issuer: string; jwks_uri: string }> = {
  name: 'oauth-authorization-server',
  jose: registeredNames,
  party: 'authServer',
  self: 'issuer',
  members: { issuer: 'identifier', jwks_uri: 'url' },
  required: ['issuer', 'jwks_uri'],
}

/** Claims of an access token (RFC 9068). It contains no data about the user. */
export interface AccessTokenClaims extends AuthClaims {
  /** The `resource` of the resource's own metadata. */
  aud: string
  sub: string
  client_id: string
  /** Space-separated. */
  scope: string
  /** The ids of the grant and of its family of tokens, and a unique part, separated by dots. */
  jti: string
}

/** An OAuth access token. It is not bound to a key: it works for anyone who has it. */
export const accessTokenType: TokenType<AccessTokenClaims> = {
  typ: 'at+jwt',
  jose: registeredNames,
  issuerDocument: serverDocument,
  required: [
    ['iss', 'identifier'],
    ['sub', 'string'],
    ['client_id', 'string'],
    ['scope', 'string'],
    ['exp', 'seconds'],
    ['jti', 'string'],
  ],
  optional: [
    ['iat', 'seconds'],
    ['nbf', 'seconds'],
  ],
  problem(claims) {
    if ('cnf' in claims) return 'it is bound to a key, so it is not valid without a signature'
    return Array.isArray(claims.aud) && claims.aud.length !== 1 ? 'it has more than one recipient' : undefined
  },
  audience: 'required',
  maxLifetime: 3600,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

/** Maximum length of an access token, in characters. */
const maxLength = 4096

/** Maximum number of verified tokens that are cached, and their maximum age in seconds. */
const cached = { count: 10_000, age: 60 } as const

/** A verified access token, with its whole text. */
interface Verified extends AccessToken {
  text: string
}

/** The name of a token in the cache: its signature, because looking up the whole text would take longer. */
function nameOf(text: string): string {
  return text.slice(-86)
}

/**
 * Returns a function that verifies access tokens of one resource. A token that was verified before is not verified again for a minute, or
 * until its issuer's key is no longer fresh.
 *
 * The function throws an AAuthError: `auth_token_invalid`, `auth_token_expired`, `unavailable`.
 */
export function createAccessTokenVerifier(tools: BearerTools): BearerProtocol['verifyToken'] {
  const { discovery, issuer, resource, now } = tools
  const verified = new LruCache<Verified>(cached.count)
  const parseHeader = createHeaderParser()
  const options = { ...tools, issuers: [issuer], audience: resource.id }

  async function verify(text: string, name: string, remoteAddress: string | undefined): Promise<AccessToken> {
    const decoded = decodeToken(text, maxLength, parseHeader)
    // RFC 9068 §2.1 allows both forms.
    const isLongForm = decoded?.header.typ === `application/${accessTokenType.typ}`
    const token = isLongForm ? { ...decoded, header: { ...decoded.header, typ: accessTokenType.typ } } : decoded
    const findKey = findTokenKey(discovery, serverDocument, requireIssuerKey, remoteAddress)
    const { claims } = await verifyDecodedToken(accessTokenType, token, { ...options, findKey })
    const scope = parseScope(claims.scope)
    if (!scope) throw new AAuthError('auth_token_invalid', 'The access token was rejected: its scope is malformed.')
    // All requests with the token share these.
    const found = { claims: Object.freeze(claims), scope: Object.freeze(scope), text }
    const keyExpiry = discovery.freshUntil(serverDocument, claims.iss, String(decoded?.header.kid)) ?? 0
    verified.set(name, found, Math.min(claims.exp, now() + cached.age, keyExpiry))
    return found
  }

  return async function verifyAccessToken(text, remoteAddress) {
    const name = nameOf(text)
    const known = verified.get(name, now())
    return known?.text === text ? known : verify(text, name, remoteAddress)
  }
}

/** Parses a header again only if it differs from the previous one. */
function createHeaderParser(): typeof parseObject {
  let text = ''
  let header: ReturnType<typeof parseObject>
  return (part) => {
    if (part !== text) {
      header = parseObject(part)
      text = part
    }
    return header
  }
}

/** An unreachable auth server is not the client's fault, so the client must not discard its token. */
function requireIssuerKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  if (cause.reason !== 'unknown_kid' && cause.reason !== 'unusable')
    throw new AAuthError('unavailable', 'The auth server’s keys could not be fetched.', { cause, retryAfter: 5 })
  throw new AAuthError('auth_token_invalid', 'The access token was rejected: no usable key of its issuer was found.', {
    cause,
  })
}
