import type { Found } from '../../discovery/fetch-document.js'
import { printedKeyProblem } from '../../discovery/jwks.js'
import { findTokenKey } from '../../discovery/token-keys.js'
import { AAuthError } from '../../lib/errors.js'
import type { ImportKey, VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import { parseScope } from '../../protocol/scope.js'
import { type DecodedToken, decodeToken } from '../../tokens/decode-token.js'
import { type VerifiedToken, type VerifyTokenOptions, verifyDecodedToken } from '../../tokens/verify-token.js'
import type { KeyResolverOptions, ResolvedKey } from '../key-resolver.js'
import { januaryDocuments } from './documents.js'
import { busyError, requireKey } from './resolve-published-key.js'
import { januaryTokens } from './tokens.js'

/** How many resolved references of one scheme are cached, and for how many seconds at most. */
export const cachedReferences = { count: 10_000, age: 60 } as const

/** Verifies a token that `scheme=jwt` carries, and returns the key that it is bound to. */
export type ResolveToken = (jwt: string, remoteAddress: string | undefined, isAuthDue: boolean) => Promise<ResolvedKey>

/**
 * The function takes any text that is no agent token for an auth token if the request needs one (`isAuthDue`), and throws
 * an AAuthError of the token, or of the key of its issuer.
 */
export function createTokenResolver(options: KeyResolverOptions, importKey: ImportKey): ResolveToken {
  const { discovery, now, audience } = options
  const resolved = new LruCache<ResolvedKey>(cachedReferences.count)
  const authTokenOptions: VerifyTokenOptions = {
    ...options,
    importKey,
    issuers: options.authTokenIssuers,
    allowExpired: true,
    findKey: findTokenKey(discovery, januaryDocuments.authServer, requireIssuerKey),
  }

  async function resolveAgentToken(decoded: DecodedToken | undefined, remoteAddress: string | undefined) {
    const token = await verifyDecodedToken(januaryTokens.agent, decoded, {
      ...options,
      importKey,
      findKey: findTokenKey(discovery, januaryDocuments.agent, requireKey, remoteAddress),
    })
    return { token, agent: token.claims.iss, delegate: token.claims.sub, authorization: undefined }
  }

  async function resolveAuthToken(decoded: DecodedToken | undefined) {
    const token = await verifyDecodedToken(januaryTokens.auth, decoded, authTokenOptions)
    const { claims, expired } = token
    const authorization = { claims: { ...claims }, scope: parseScope(claims.scope ?? '') ?? [], expired }
    return { token, agent: claims.agent, delegate: claims.agent_delegate, authorization }
  }

  return async function resolveToken(jwt, remoteAddress, isAuthDue) {
    const cached = resolved.get(jwt, now())
    if (cached) return cached
    const decoded = decodeToken(jwt)
    const typ = decoded?.header.typ
    const isAuth = typ === januaryTokens.auth.typ || (isAuthDue && typ !== januaryTokens.agent.typ)
    const verified = isAuth ? await resolveAuthToken(decoded) : await resolveAgentToken(decoded, remoteAddress)
    const { type, claims } = verified.token
    const key = requireConfirmation(verified.token, audience)
    const found: ResolvedKey = { key, scheme: 'jwt', ...verified, publisher: type.issuerDocument }
    // Not for longer than its issuer's key (attacks K22).
    const keyExpiry = discovery.peekFreshness(type.issuerDocument, claims.iss, String(decoded?.header.kid)) ?? 0
    resolved.set(jwt, found, Math.min(claims.exp, now() + cachedReferences.age, keyExpiry))
    return found
  }
}

function requireConfirmation({ confirmationKey: key, type }: VerifiedToken, audience: string): VerificationKey {
  if (!key) throw new TypeError(`a verified ${type.typ} has no confirmation key`)
  const problem = printedKeyProblem(audience, key)
  if (problem === undefined) return key
  throw new AAuthError(type.invalid, `The ${type.typ} is refused: its cnf.jwk ${problem}.`)
}

// An auth server that cannot be reached is our failure, not the agent's (attacks R05).
function requireIssuerKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  const busy = busyError(cause)
  if (busy) throw busy
  if (cause.reason === 'unreachable')
    throw new AAuthError('unavailable', 'The keys of the auth server cannot be fetched.', { cause, retryAfter: 5 })
  // Only the operator may read what its documents said: the caller is not authenticated yet.
  throw new AAuthError(
    'auth_token_invalid',
    `The ${januaryTokens.auth.typ} is refused: no usable key of its issuer was found.`,
    { cause },
  )
}
