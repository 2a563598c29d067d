import { findTokenKey } from '../../discovery/discovery.js'
import { publishedExampleProblem } from '../../discovery/document-sources.js'
import type { DiscoveryFailure, Found } from '../../discovery/fetch-document.js'
import { AAuthError } from '../../lib/errors.js'
import { createKeyImporter, type VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { DocumentType, IdentifierOptions } from '../../protocol/documents.js'
import { parseScope } from '../../protocol/parameters.js'
import {
  type DecodedToken,
  decodeToken,
  type RegisteredClaims,
  type TokenType,
  type VerifiedToken,
  verifyDecodedToken,
} from '../../tokens/verify-token.js'
import type { AuthClaims, KeyResolver, KeyResolverOptions, ResolvedKey } from '../verified-request.js'
import { isServerId } from './agent-id.js'
import { draft11Documents } from './documents.js'
import { requireNamedKey } from './signature-key.js'
import { draft11Tokens } from './tokens.js'

/** Maximum number of verified tokens that are cached, and their maximum age in seconds. */
const cachedTokens = { count: 10_000, age: 60 } as const

/** Finds the key of a request, which is in the token that `Signature-Key` carries: an agent, person or auth token. */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  const { now, audience, role, discovery, allowInsecureLoopback } = options
  const importKey = createKeyImporter()
  const resolved = new LruCache<ResolvedKey>(cachedTokens.count)
  const shared = { allowInsecureLoopback, audience, importKey, now }

  async function verifyAs<C extends RegisteredClaims>(
    type: TokenType<C>,
    decoded: DecodedToken,
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey & { token: VerifiedToken; publisher: DocumentType }> {
    const document = role === 'resource' ? issuerDocumentOf(type, decoded, options) : type.issuerDocument
    const requireFound = (found: Found<VerificationKey>) => requireKey(found, document === draft11Documents.authServer)
    const findKey = findTokenKey(discovery, document, requireFound, remoteAddress)
    const token = await verifyDecodedToken(type, decoded, { ...shared, findKey })
    const key = requireConfirmation(token, audience)
    return { ...proofOf(token), key, scheme: 'jwt', token, publisher: document }
  }

  return {
    async resolve(reference, remoteAddress) {
      if (reference.scheme !== 'jwt') throw new AAuthError('signature_key_scheme_refused', 'Sign with a token.')
      const { jwt } = reference
      const cached = resolved.get(jwt, now())
      if (cached) requireNamedKey(reference, cached.key)
      if (cached) return cached
      const decoded = decodeToken(jwt)
      const type = accepted[role].find(({ typ }) => typ === decoded?.header.typ)
      if (!decoded || !type)
        throw new AAuthError('agent_token_invalid', `Signature-Key must carry ${expected[role]}, of at most 8 KiB.`)
      const found = await verifyAs(type, decoded, remoteAddress)
      requireNamedKey(reference, found.key)
      const { claims } = found.token
      // Not cached for longer than its issuer's key.
      const keyExpiry = discovery.freshUntil(found.publisher, claims.iss, String(decoded.header.kid))
      resolved.set(jwt, found, Math.min(claims.exp, now() + cachedTokens.age, keyExpiry ?? 0))
      return found
    },
    // The key is in the token, so there is no newer one.
    renew: async () => undefined,
  }
}

/** The tokens with which a request may be signed, by the role of the receiver (draft -11 §7). */
const accepted: Readonly<Record<KeyResolverOptions['role'], readonly TokenType[]>> = {
  resource: [draft11Tokens.agent, draft11Tokens.person, draft11Tokens.auth] as unknown as readonly TokenType[],
  authServer: [draft11Tokens.agent] as unknown as readonly TokenType[],
}

const expected = { resource: 'an agent, person or auth token', authServer: 'an agent token' } as const

/**
 * A document of a person server that the operator did not list. Like the documents of agents, it is fetched for anyone who names it, so the
 * fetches are limited and guarded.
 */
export const unlistedPersonDocument: typeof draft11Documents.authServer = {
  ...draft11Documents.authServer,
  party: 'agent',
}

/**
 * The document that leads to the key of a token's issuer.
 *
 * @throws AAuthError `policy_denied` for a person server that is not accepted: nothing is fetched from it
 */
function issuerDocumentOf<C extends RegisteredClaims>(
  { typ, issuerDocument }: TokenType<C>,
  { payload: { iss } }: DecodedToken,
  { authTokenIssuers, acceptsIssuer, allowInsecureLoopback }: KeyResolverOptions & IdentifierOptions,
): DocumentType {
  // The claims are refused later if it is not an identifier.
  if (issuerDocument !== draft11Documents.authServer || !isServerId(iss, { allowInsecureLoopback }))
    return issuerDocument
  if (authTokenIssuers.includes(iss)) return issuerDocument
  if (acceptsIssuer?.(iss)) return unlistedPersonDocument
  throw new AAuthError('policy_denied', `The ${typ} was rejected: this resource does not accept its person server.`)
}

/** Whom the token speaks for. Only agent tokens name an agent: the party that vouches for it, and the agent itself. */
function proofOf({ type, claims }: VerifiedToken): Pick<ResolvedKey, 'agent' | 'delegate' | 'authorization' | 'user'> {
  const own: AuthClaims = { ...claims }
  if (type.typ === draft11Tokens.agent.typ)
    return { agent: claims.iss, delegate: own.sub, authorization: undefined, user: undefined }
  const none = { agent: undefined, delegate: undefined }
  if (type.typ === draft11Tokens.person.typ) return { ...none, authorization: undefined, user: own }
  const scope = parseScope(own.scope ?? '') ?? []
  return { ...none, authorization: { claims: own, scope, expired: false }, user: undefined }
}

function requireConfirmation({ confirmationKey: key, type }: VerifiedToken, audience: string): VerificationKey {
  if (!key) throw new TypeError(`a verified ${type.typ} has no confirmation key`)
  const problem = publishedExampleProblem(audience, key)
  if (problem === undefined) return key
  throw new AAuthError('key_invalid', `The ${type.typ} was rejected: its cnf.jwk ${problem}.`)
}

/**
 * The key, if it was found.
 *
 * @param isListed whether the operator listed its owner: if that cannot be reached, it is our failure, not the caller's
 * @throws AAuthError `key_unknown`, `key_invalid`, `algorithm_unsupported`, `too_many_requests`, `unavailable`
 */
export function requireKey(found: Found<VerificationKey>, isListed: boolean): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  throw lookupError(cause, isListed)
}

function lookupError(cause: DiscoveryFailure, isListed: boolean): AAuthError {
  const { reason, message, self, retryAfter = 3 } = cause
  // A key that was found, but cannot be used.
  if (cause.cause instanceof AAuthError && cause.cause.status === 401) return cause.cause
  if (reason === 'busy')
    return new AAuthError('too_many_requests', 'Too many key lookups: try again later.', { cause, retryAfter })
  if (reason === 'unusable') return new AAuthError('key_invalid', `The key cannot be used: ${message}.`, { cause })
  if (reason === 'unreachable' && isListed)
    return new AAuthError('unavailable', 'The person server’s keys could not be fetched.', { cause, retryAfter: 5 })
  const error = self && `issuer_${self}`
  return new AAuthError('key_unknown', `No key was found: ${message}.`, { cause, error })
}
