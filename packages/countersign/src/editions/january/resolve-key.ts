import { findTokenKey } from '../../discovery/discovery.js'
import { publishedExampleProblem } from '../../discovery/document-sources.js'
import type { DiscoveryFailure, Found } from '../../discovery/fetch-document.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { AAuthError } from '../../lib/errors.js'
import { createKeyImporter, type ImportKey, type VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import { type DocumentType, identifierProblem, isFetchableUrl, isIdentifier } from '../../protocol/documents.js'
import { parseScope } from '../../protocol/parameters.js'
import { type DecodedToken, decodeToken, type VerifiedToken, verifyDecodedToken } from '../../tokens/verify-token.js'
import type { KeyResolver, KeyResolverOptions, ResolvedKey } from '../verified-request.js'
import { januaryDocuments } from './documents.js'
import { januaryTokens } from './tokens.js'

/** Finds the key that `Signature-Key` refers to (S§10.7). */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  const { now, audience, role, certificates } = options
  const importKey = createKeyImporter()
  const published = createPublishedKeys(options)
  const resolveToken = createTokenResolver(options, importKey)
  const headerKeys = new LruCache<ResolvedKey>(cachedReferences.count)

  async function resolveHeaderKey(jwk: Readonly<Record<string, string>>): Promise<ResolvedKey> {
    // Separated by quotes, which no header parameter can contain.
    let id = ''
    for (const name of Object.keys(jwk)) id += `${name}"${jwk[name]}"`
    const cached = headerKeys.get(id, now())
    if (cached) return cached
    const key = await importKey(jwk)
    requireUnprinted(audience, key)
    const resolved = { ...anonymous, key, scheme: 'hwk' } as const
    headerKeys.set(id, resolved, now() + cachedReferences.age)
    return resolved
  }

  async function resolveCertificate(
    reference: { x5u: string; x5t: string },
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey> {
    if (!certificates) throw unknownKey('no certificate roots are configured')
    const outcome = await certificates(reference, remoteAddress)
    if ('failure' in outcome) throw lookupError(outcome.failure)
    requireUnprinted(audience, outcome.found.key)
    return { ...anonymous, ...outcome.found, scheme: 'x509' }
  }

  return {
    async resolve(reference, remoteAddress, due) {
      if (role === 'authServer') requireAgentReference(reference)
      switch (reference.scheme) {
        case 'hwk':
          return resolveHeaderKey(reference.jwk)
        case 'jwks':
          return published.peek(reference) ?? published.find(reference, remoteAddress)
        case 'jwt':
          return resolveToken(reference.jwt, remoteAddress, due === 'authorization')
        case 'x509':
          return resolveCertificate(reference, remoteAddress)
      }
    },
    renew: (...renewed) => published.renew(...renewed),
  }
}

function requireUnprinted(audience: string, key: VerificationKey): void {
  const problem = publishedExampleProblem(audience, key)
  if (problem !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: it ${problem}.`)
}

/** Runs before a token is verified. An auth token is for a resource, so verifying it here could only report a wrong audience. */
function requireAgentReference(reference: KeyReference): void {
  if (reference.scheme === 'hwk' || 'jwksUri' in reference) {
    throw new AAuthError(
      'identity_required',
      'The signature does not identify an agent: sign with jwks and id, or with an agent token.',
      { challenge: { level: 'identity' } },
    )
  }
  if (reference.scheme === 'jwt' && decodeToken(reference.jwt)?.header.typ === januaryTokens.auth.typ) {
    throw new AAuthError(
      'request_malformed',
      'Sign with the agent’s own key or an agent token: auth tokens are only for resources.',
    )
  }
}

/** Maximum number of cached references per scheme, and their maximum age in seconds. */
const cachedReferences = { count: 10_000, age: 60 } as const

/** Verifies the token that `scheme=jwt` carries, and returns the key to which the token is bound. */
type ResolveToken = (jwt: string, remoteAddress: string | undefined, isAuthDue: boolean) => Promise<ResolvedKey>

/**
 * If the request needs an auth token (`isAuthDue`), any text that is not an agent token is treated as an auth token. Throws an AAuthError
 * about the token or about its issuer's key.
 */
function createTokenResolver(options: KeyResolverOptions, importKey: ImportKey): ResolveToken {
  const { discovery, now, audience } = options
  const resolved = new LruCache<ResolvedKey>(cachedReferences.count)
  const authTokenOptions = {
    ...options,
    importKey,
    issuers: options.authTokenIssuers,
    allowExpired: true,
  }

  async function resolveAgentToken(decoded: DecodedToken | undefined, remoteAddress: string | undefined) {
    const token = await verifyDecodedToken(januaryTokens.agent, decoded, {
      ...options,
      importKey,
      findKey: findTokenKey(discovery, januaryDocuments.agent, requireKey, remoteAddress),
    })
    return { token, agent: token.claims.iss, delegate: token.claims.sub, authorization: undefined }
  }

  async function resolveAuthToken(decoded: DecodedToken | undefined, remoteAddress: string | undefined) {
    const findKey = findTokenKey(discovery, januaryDocuments.authServer, requireIssuerKey, remoteAddress)
    const token = await verifyDecodedToken(januaryTokens.auth, decoded, { ...authTokenOptions, findKey })
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
    const verified = isAuth
      ? await resolveAuthToken(decoded, remoteAddress)
      : await resolveAgentToken(decoded, remoteAddress)
    const { type, claims } = verified.token
    const key = requireConfirmation(verified.token, audience)
    const found: ResolvedKey = { key, scheme: 'jwt', ...verified, publisher: type.issuerDocument }
    // Not cached for longer than its issuer's key (attacks K22).
    const keyExpiry = discovery.freshUntil(type.issuerDocument, claims.iss, String(decoded?.header.kid)) ?? 0
    resolved.set(jwt, found, Math.min(claims.exp, now() + cachedReferences.age, keyExpiry))
    return found
  }
}

function requireConfirmation({ confirmationKey: key, type }: VerifiedToken, audience: string): VerificationKey {
  if (!key) throw new TypeError(`a verified ${type.typ} has no confirmation key`)
  const problem = publishedExampleProblem(audience, key)
  if (problem === undefined) return key
  throw new AAuthError(type.invalid, `The ${type.typ} was rejected: its cnf.jwk ${problem}.`)
}

// An unreachable auth server is our failure, not the agent's (attacks R05).
function requireIssuerKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure: cause } = found
  const busy = busyError(cause)
  if (busy) throw busy
  if (cause.reason === 'unreachable')
    throw new AAuthError('unavailable', 'The auth server’s keys could not be fetched.', { cause, retryAfter: 5 })
  // Only the operator may see details of the issuer's documents: the caller is not authenticated yet.
  throw new AAuthError(
    'auth_token_invalid',
    `The ${januaryTokens.auth.typ} was rejected: no usable key of its issuer was found.`,
    { cause },
  )
}

/** The document types of parties that sign requests (W11). */
const publishers: readonly DocumentType[] = [januaryDocuments.agent, januaryDocuments.resource]

function publisherOf(wellKnown: string | undefined): DocumentType | undefined {
  return publishers.find(({ name }) => name === wellKnown)
}

type JwksReference = Extract<KeyReference, { scheme: 'jwks' }>

/** A key without an agent. */
const anonymous = {
  agent: undefined,
  delegate: undefined,
  token: undefined,
  authorization: undefined,
  publisher: undefined,
} as const

/** Finds the keys that `scheme=jwks` refers to. */
function createPublishedKeys(options: KeyResolverOptions) {
  const { discovery } = options
  /** The default for an `id` without `well-known`: the id's agent document, or the JWKS at the id itself (W11). */
  const absentWellKnown = options.role === 'authServer' ? januaryDocuments.agent.name : undefined

  const findAt = async (jwksUri: string, kid: string, remoteAddress: string | undefined): Promise<ResolvedKey> => ({
    ...anonymous,
    scheme: 'jwks',
    key: requireKey(await discovery.findKeyAt(jwksUri, kid, remoteAddress)),
  })

  return {
    /** Returns the key if it was already found and is still fresh. */
    peek(reference: JwksReference): ResolvedKey | undefined {
      if ('jwksUri' in reference) return undefined
      const { id: agent, kid, wellKnown = absentWellKnown } = reference
      const publisher = publisherOf(wellKnown)
      const key = publisher && discovery.peekKey(publisher, agent, kid)
      if (!key) return undefined
      // Listed member by member: this runs for most requests, and a spread is many times slower in V8.
      return { key, scheme: 'jwks', agent, delegate: undefined, token: undefined, authorization: undefined, publisher }
    },
    /** @throws AAuthError `key_unknown`, `key_invalid`, `too_many_requests` */
    async find(reference: JwksReference, remoteAddress: string | undefined): Promise<ResolvedKey> {
      const { kid, scheme } = reference
      if ('jwksUri' in reference) {
        if (!isFetchableUrl(reference.jwksUri, options))
          throw unknownKey('the jwks URL does not have the accepted form')
        return findAt(reference.jwksUri, kid, remoteAddress)
      }
      const { id, wellKnown = absentWellKnown } = reference
      if (wellKnown === undefined) {
        if (!isIdentifier(id, { ...options, allowPath: true }))
          throw unknownKey('the id does not have the accepted form of a URL')
        return findAt(id, kid, remoteAddress)
      }
      if (!isIdentifier(id, options)) throw unknownKey(`the id ${identifierProblem(id, options)}`)
      const publisher = publisherOf(wellKnown)
      if (!publisher) throw unknownKey('the well-known name is not supported')
      const outcome = await discovery.findKey(publisher, id, kid, remoteAddress)
      const resolved = { ...anonymous, scheme, key: requireKey(outcome), agent: id, publisher }
      return 'isNew' in outcome ? { ...resolved, isNew: true } : resolved
    },
    /** Returns another key that has since been published under the same name, if any. */
    async renew(
      reference: KeyReference,
      resolved: ResolvedKey,
      remoteAddress: string | undefined,
    ): Promise<ResolvedKey | undefined> {
      const { publisher } = resolved
      if (reference.scheme !== 'jwks' || 'jwksUri' in reference || !publisher || resolved.isNew) return undefined
      const { id, kid } = reference
      const key = await discovery.renewKey(publisher, id, kid, resolved.key, remoteAddress)
      return key && { ...resolved, key }
    },
  }
}

/** @throws AAuthError `key_unknown`, `key_invalid`, `too_many_requests` */
function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure } = found
  if (failure.reason === 'unusable')
    throw new AAuthError('key_invalid', `The key cannot be used: ${failure.message}.`, { cause: failure })
  throw lookupError(failure)
}

/** The error for a lookup that failed. */
function lookupError(failure: DiscoveryFailure): AAuthError {
  return busyError(failure) ?? unknownKey(failure.message, failure)
}

/** The error for a lookup that was rate-limited; undefined for any other failure. */
function busyError(failure: DiscoveryFailure): AAuthError | undefined {
  if (failure.reason !== 'busy') return undefined
  const { retryAfter = 3 } = failure
  return new AAuthError('too_many_requests', 'Too many key lookups: try again later.', { cause: failure, retryAfter })
}

/** The error for a key that does not exist, or whose reference is rejected. */
function unknownKey(message: string, cause?: DiscoveryFailure): AAuthError {
  return new AAuthError('key_unknown', `No key was found: ${message}.`, { cause })
}
