import type { DiscoveryFailure, Found } from '../../discovery/fetch-document.js'
import { tokenKeys } from '../../discovery/token-keys.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { AAuthError } from '../../lib/errors.js'
import { createKeyImporter, type VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import { publishedKeyProblem } from '../../lib/published-keys.js'
import { type DocumentType, isFetchableUrl } from '../../protocol/document-type.js'
import { identifierProblem, isIdentifier, isLoopbackIdentifier } from '../../protocol/identifier.js'
import { parseScope } from '../../protocol/scope.js'
import { type DecodedToken, decodeToken } from '../../tokens/decode-token.js'
import { type VerifiedToken, type VerifyTokenOptions, verifyDecodedToken } from '../../tokens/verify-token.js'
import type { KeyResolver, KeyResolverOptions, ResolvedKey } from '../key-resolver.js'
import { januaryDocuments } from './documents.js'
import { januaryTokens } from './tokens.js'

const cachedTokens = 10_000
const cachedTokenAge = 60

/** The documents of those who sign requests (W11). */
const publishers: readonly DocumentType[] = [januaryDocuments.agent, januaryDocuments.resource]

function publisherOf(wellKnown: string | undefined): DocumentType | undefined {
  return publishers.find(({ name }) => name === wellKnown)
}

type ResolvedToken = ResolvedKey & { token: VerifiedToken }

/** Finds the key that `Signature-Key` points to (S§10.7). */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  const { discovery, now } = options
  /** What `scheme=jwks` with `id` and no `well-known` means: the id's agent document, or the JWKS at the id itself (W11). */
  const absentWellKnown = options.role === 'authServer' ? januaryDocuments.agent.name : undefined
  const tokens = new LruCache<ResolvedKey>(cachedTokens)
  const headerKeys = new LruCache<ResolvedKey>(cachedTokens)
  const importKey = createKeyImporter()

  const agentTokenOptions = (remoteAddress: string | undefined): VerifyTokenOptions => ({
    ...options,
    importKey,
    ...tokenKeys(discovery, januaryDocuments.agent, requireKey, remoteAddress),
  })
  const authTokenOptions: VerifyTokenOptions = {
    ...options,
    importKey,
    issuers: options.authTokenIssuers,
    allowExpired: true,
    ...tokenKeys(discovery, januaryDocuments.authServer, requireIssuerKey),
  }

  /** On loopback, examples may be tried as they are printed. */
  const keyProblem = ({ thumbprint }: VerificationKey): string | undefined =>
    isLoopbackIdentifier(options.audience) ? undefined : publishedKeyProblem(thumbprint)

  function requireUnpublished(key: VerificationKey): void {
    const problem = keyProblem(key)
    if (problem !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: it ${problem}.`)
  }

  function requireConfirmation(token: VerifiedToken): VerificationKey {
    const { confirmationKey: key, type } = token
    if (!key) throw new TypeError(`a verified ${type.typ} has no confirmation key`)
    const problem = keyProblem(key)
    if (problem === undefined) return key
    throw new AAuthError(type.invalid, `The ${type.typ} is refused: its cnf.jwk ${problem}.`)
  }

  async function resolveHeaderKey(jwk: Record<string, string>): Promise<ResolvedKey> {
    // A quote separates: no parameter of the header can hold one.
    let id = ''
    for (const name of Object.keys(jwk)) id += `${name}"${jwk[name]}"`
    const known = headerKeys.get(id, now())
    if (known) return known
    const key = await importKey(jwk)
    requireUnpublished(key)
    const resolved = { ...anonymous, key, scheme: 'hwk' } as const
    headerKeys.set(id, resolved, now() + cachedTokenAge)
    return resolved
  }

  function resolveKnown(reference: Extract<KeyReference, { scheme: 'jwks' }>): ResolvedKey | undefined {
    if ('jwksUri' in reference) return undefined
    const publisher = publisherOf(reference.wellKnown ?? absentWellKnown)
    const key = publisher && discovery.peekKey(publisher, reference.id, reference.kid)
    if (!key) return undefined
    // Each member by name: a spread takes V8 many times as long, and this is done for most requests.
    const { id: agent } = reference
    return { key, scheme: 'jwks', agent, delegate: undefined, token: undefined, authorization: undefined, publisher }
  }

  async function resolvePublished(
    reference: Extract<KeyReference, { scheme: 'jwks' }>,
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey> {
    const { kid, scheme } = reference
    if ('jwksUri' in reference) {
      if (!isFetchableUrl(reference.jwksUri, options)) throw unknownKey('the jwks URL is not of the accepted form')
      return { ...anonymous, scheme, key: requireKey(await discovery.findKeyAt(reference.jwksUri, kid, remoteAddress)) }
    }
    const { id, wellKnown = absentWellKnown } = reference
    if (wellKnown === undefined) {
      if (!isIdentifier(id, { ...options, allowPath: true }))
        throw unknownKey('the id is not a URL of the accepted form')
      return { ...anonymous, scheme, key: requireKey(await discovery.findKeyAt(id, kid, remoteAddress)) }
    }
    if (!isIdentifier(id, options)) throw unknownKey(`the id ${identifierProblem(id, options)}`)
    const publisher = publisherOf(wellKnown)
    if (!publisher) throw unknownKey('the well-known name is not one that is fetched')
    const outcome = await discovery.findKey(publisher, id, kid, remoteAddress)
    const resolved = { ...anonymous, scheme, key: requireKey(outcome), agent: id, publisher }
    return 'isNew' in outcome ? { ...resolved, isNew: true } : resolved
  }

  async function resolveToken(
    jwt: string,
    remoteAddress: string | undefined,
    isAuthDue: boolean,
  ): Promise<ResolvedKey> {
    const known = tokens.get(jwt, now())
    if (known) return known
    const decoded = decodeToken(jwt)
    const typ = decoded?.header.typ
    const isAuth = typ === januaryTokens.auth.typ || (isAuthDue && typ !== januaryTokens.agent.typ)
    const resolved = isAuth ? await resolveAuthToken(decoded) : await resolveAgentToken(decoded, remoteAddress)
    tokens.set(jwt, resolved, takenForVerifiedUntil(resolved.token, String(decoded?.header.kid)))
    return resolved
  }

  /** Not longer than its issuer's key (attacks K22). */
  function takenForVerifiedUntil({ type, claims: { iss, exp } }: VerifiedToken, kid: string): number {
    return Math.min(exp, now() + cachedTokenAge, discovery.peekFreshness(type.issuerDocument, iss, kid) ?? 0)
  }

  async function resolveAgentToken(
    decoded: DecodedToken | undefined,
    remoteAddress: string | undefined,
  ): Promise<ResolvedToken> {
    const token = await verifyDecodedToken(januaryTokens.agent, decoded, agentTokenOptions(remoteAddress))
    const { iss: agent, sub: delegate } = token.claims
    const { issuerDocument: publisher } = token.type
    return {
      key: requireConfirmation(token),
      scheme: 'jwt',
      agent,
      delegate,
      token,
      authorization: undefined,
      publisher,
    }
  }

  async function resolveAuthToken(decoded: DecodedToken | undefined): Promise<ResolvedToken> {
    const token = await verifyDecodedToken(januaryTokens.auth, decoded, authTokenOptions)
    const { claims, expired } = token
    const { issuerDocument: publisher } = token.type
    const { agent, agent_delegate: delegate } = claims
    const authorization = { claims: { ...claims }, scope: parseScope(claims.scope ?? '') ?? [], expired }
    return { key: requireConfirmation(token), scheme: 'jwt', agent, delegate, token, authorization, publisher }
  }

  async function resolveCertificate(
    reference: { x5u: string; x5t: string },
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey> {
    if (!options.certificates) throw unknownKey('no certificate roots are configured')
    const outcome = await options.certificates(reference, remoteAddress)
    if ('failure' in outcome) throw busyError(outcome.failure) ?? unknownKey(outcome.failure.message, outcome.failure)
    requireUnpublished(outcome.found.key)
    return { ...anonymous, ...outcome.found, scheme: 'x509' }
  }

  return {
    async resolve(reference, remoteAddress, due) {
      if (options.role === 'authServer') requireAgentReference(reference)
      switch (reference.scheme) {
        case 'hwk':
          return resolveHeaderKey(reference.jwk)
        case 'jwks':
          return resolveKnown(reference) ?? resolvePublished(reference, remoteAddress)
        case 'jwt':
          return resolveToken(reference.jwt, remoteAddress, due === 'authorization')
        case 'x509':
          return resolveCertificate(reference, remoteAddress)
      }
    },
    async renew(reference, resolved, remoteAddress) {
      if (reference.scheme !== 'jwks' || 'jwksUri' in reference) return undefined
      if (resolved.agent === undefined || resolved.isNew) return undefined
      const { id, kid, wellKnown = absentWellKnown } = reference
      const publisher = publisherOf(wellKnown)
      const key = publisher && (await discovery.renewKey(publisher, id, kid, resolved.key, remoteAddress))
      return key && { ...resolved, key }
    },
  }
}

/** Checked before a token is verified: an auth token is for a resource, so all that could be said of it is that its audience is another. */
function requireAgentReference(reference: KeyReference): void {
  if (reference.scheme === 'hwk' || 'jwksUri' in reference) {
    throw new AAuthError(
      'identity_required',
      'The signature proves a key, but no agent: sign with jwks and id, or an agent token.',
      { challenge: { level: 'identity' } },
    )
  }
  if (reference.scheme === 'jwt' && decodeToken(reference.jwt)?.header.typ === januaryTokens.auth.typ) {
    throw new AAuthError(
      'request_malformed',
      'Sign with the agent’s own key or an agent token: an auth token is for a resource.',
    )
  }
}

/** What a key alone proves. */
const anonymous = {
  agent: undefined,
  delegate: undefined,
  token: undefined,
  authorization: undefined,
  publisher: undefined,
} as const

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure } = found
  if (failure.reason === 'unusable')
    throw new AAuthError('key_invalid', `The key cannot be used: ${failure.message}.`, { cause: failure })
  throw busyError(failure) ?? unknownKey(failure.message, failure)
}

// An auth server that cannot be reached is trouble of ours, not of the agent (attacks R05).
function requireIssuerKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { reason } = found.failure
  const busy = busyError(found.failure)
  if (busy) throw busy
  if (reason === 'unreachable') {
    throw new AAuthError('unavailable', 'The keys of the auth server cannot be fetched.', {
      cause: found.failure,
      retryAfter: 5,
    })
  }
  // What its documents said is for the operator: the caller is still a stranger.
  throw new AAuthError(
    'auth_token_invalid',
    `The ${januaryTokens.auth.typ} is refused: no usable key of its issuer was found.`,
    {
      cause: found.failure,
    },
  )
}

function busyError(failure: DiscoveryFailure): AAuthError | undefined {
  if (failure.reason !== 'busy') return undefined
  const { retryAfter = 3 } = failure
  return new AAuthError('too_many_requests', 'Too many keys are being looked for.', { cause: failure, retryAfter })
}

function unknownKey(message: string, cause?: DiscoveryFailure): AAuthError {
  return new AAuthError('key_unknown', `The key was not found: ${message}.`, { cause })
}
