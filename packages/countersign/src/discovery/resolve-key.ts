import type { SignatureKey } from '../httpsig/signature-key.js'
import { AAuthError } from '../lib/errors.js'
import { createKeyImporter, type VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import { publishedKeyProblem } from '../lib/published-keys.js'
import {
  type IdentifierOptions,
  identifierProblem,
  isIdentifier,
  isLoopbackIdentifier,
} from '../protocol/identifier.js'
import { isFetchableUrl, type MetadataKind } from '../protocol/metadata.js'
import { type DecodedToken, decodeToken } from '../tokens/decode-token.js'
import { tokenTable } from '../tokens/token-table.js'
import { type VerifiedToken, type VerifyTokenOptions, verifyDecodedToken } from '../tokens/verify-token.js'
import type { Discovery } from './discovery.js'
import type { DiscoveryFailure, Found } from './fetch-document.js'

/** The key of a signature, and who it speaks for. */
export interface ResolvedKey {
  key: VerificationKey
  scheme: SignatureKey['scheme']
  /** The agent's identifier; undefined when only a key was proven. */
  agent: string | undefined
  /** The delegate, where an agent token or an auth token names one. */
  delegate: string | undefined
  token: VerifiedToken<'agent+jwt'> | VerifiedToken<'auth+jwt'> | undefined
  /** The key was found for this very request, so that no newer one is looked for. */
  isNew?: true
}

/** A certificate that leads to a configured root, and the agent it names (W11). */
export interface FoundCertificate {
  key: VerificationKey
  agent: string
}

/** Finds the certificate that `x5u` and `x5t` point to, for a request from an address. */
export type CertificateFinder = (
  reference: { x5u: string; x5t: string },
  remoteAddress?: string,
) => Promise<Found<FoundCertificate>>

export interface KeyResolverOptions extends IdentifierOptions {
  discovery: Discovery
  /** Own identifier: the audience of tokens. */
  audience: string
  now: () => number
  /** Issuers of auth tokens that are accepted. */
  authTokenIssuers: readonly string[]
  /** What `scheme=jwks` with `id` and no `well-known` means: the id's agent document, or the JWKS at the id itself (W11). */
  absentWellKnown: 'aauth-agent' | 'jwks'
  /** Accepts `scheme=x509`. Absent: no roots are configured, and nothing is fetched. */
  certificates?: CertificateFinder | undefined
}

const cachedTokens = 10_000
const cachedTokenAge = 60

/** The documents of those who sign requests (W11). */
export function isPublishedKind(name: string): name is 'aauth-agent' | 'aauth-resource' {
  return name === 'aauth-agent' || name === 'aauth-resource'
}

type CarriedToken = 'agent+jwt' | 'auth+jwt'

type ResolvedToken = ResolvedKey & { token: VerifiedToken<CarriedToken> }

/**
 * Finds the key that `Signature-Key` points to.
 *
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 * @param expected the token that is due there: a token that is none of the two is refused as one of this kind
 */
export type KeyResolver = (
  signatureKey: SignatureKey,
  remoteAddress?: string,
  expected?: CarriedToken,
) => Promise<ResolvedKey>

/**
 * Creates the `resolveKey` of {@link verifySignature}: finds the key that `Signature-Key` points to (S§10.7) and
 * verifies the token it rides in. Whether that is enough for the request, the caller judges.
 */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  const { discovery, now } = options
  const tokens = new LruCache<ResolvedKey>(cachedTokens)
  const headerKeys = new LruCache<ResolvedKey>(cachedTokens)
  const importKey = createKeyImporter()

  const agentTokenOptions = (remoteAddress: string | undefined): VerifyTokenOptions => ({
    ...options,
    importKey,
    ...tokenKeys(discovery, 'aauth-agent', requireKey, remoteAddress),
  })
  const authTokenOptions: VerifyTokenOptions = {
    ...options,
    importKey,
    issuers: options.authTokenIssuers,
    allowExpired: true,
    ...tokenKeys(discovery, 'aauth-issuer', requireIssuerKey),
  }

  /** On loopback, examples may be tried as they are printed. */
  const keyProblem = ({ thumbprint }: VerificationKey): string | undefined =>
    isLoopbackIdentifier(options.audience) ? undefined : publishedKeyProblem(thumbprint)

  function requireUnpublished(key: VerificationKey): void {
    const problem = keyProblem(key)
    if (problem !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: it ${problem}.`)
  }

  function requireConfirmation(token: VerifiedToken): VerificationKey {
    const { confirmationKey: key, kind } = token
    if (!key) throw new TypeError(`a verified ${kind} has no confirmation key`)
    const problem = keyProblem(key)
    if (problem === undefined) return key
    throw new AAuthError(tokenTable[kind].invalid, `The ${kind} is refused: its cnf.jwk ${problem}.`)
  }

  async function resolveHeaderKey(jwk: Record<string, string>): Promise<ResolvedKey> {
    // A quote separates: no parameter of the header can hold one.
    let id = ''
    for (const name of Object.keys(jwk)) id += `${name}"${jwk[name]}"`
    const known = headerKeys.get(id, now())
    if (known) return known
    const key = await importKey(jwk)
    requireUnpublished(key)
    const resolved = { key, scheme: 'hwk', agent: undefined, delegate: undefined, token: undefined } as const
    headerKeys.set(id, resolved, now() + cachedTokenAge)
    return resolved
  }

  function resolveKnown(reference: Extract<SignatureKey, { scheme: 'jwks' }>): ResolvedKey | undefined {
    if ('jwksUri' in reference) return undefined
    const kind = reference.wellKnown ?? options.absentWellKnown
    if (!isPublishedKind(kind)) return undefined
    const key = discovery.peekKey(kind, reference.id, reference.kid)
    return key && { key, scheme: 'jwks', agent: reference.id, delegate: undefined, token: undefined }
  }

  async function resolvePublished(
    reference: Extract<SignatureKey, { scheme: 'jwks' }>,
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey> {
    const anonymous = { scheme: 'jwks', agent: undefined, delegate: undefined, token: undefined } as const
    const { kid } = reference
    if ('jwksUri' in reference) {
      if (!isFetchableUrl(reference.jwksUri, options)) throw unknownKey('the jwks URL is not of the accepted form')
      return { ...anonymous, key: requireKey(await discovery.findKeyAt(reference.jwksUri, kid, remoteAddress)) }
    }
    const { id, wellKnown } = reference
    if (wellKnown === undefined && options.absentWellKnown === 'jwks') {
      if (!isIdentifier(id, { ...options, allowPath: true }))
        throw unknownKey('the id is not a URL of the accepted form')
      return { ...anonymous, key: requireKey(await discovery.findKeyAt(id, kid, remoteAddress)) }
    }
    if (!isIdentifier(id, options)) throw unknownKey(`the id ${identifierProblem(id, options)}`)
    const kind = wellKnown ?? 'aauth-agent'
    if (!isPublishedKind(kind)) throw unknownKey('the well-known name is not one that is fetched')
    const outcome = await discovery.findKey(kind, id, kid, remoteAddress)
    const resolved = { ...anonymous, key: requireKey(outcome), agent: id }
    return 'isNew' in outcome ? { ...resolved, isNew: true } : resolved
  }

  async function resolveToken(
    jwt: string,
    remoteAddress: string | undefined,
    expected: CarriedToken,
  ): Promise<ResolvedKey> {
    const known = tokens.get(jwt, now())
    if (known) return known
    const decoded = decodeToken(jwt)
    const typ = decoded?.header.typ
    const kind = typ === 'agent+jwt' || typ === 'auth+jwt' ? typ : expected
    const resolved =
      kind === 'auth+jwt' ? await resolveAuthToken(decoded) : await resolveAgentToken(decoded, remoteAddress)
    tokens.set(jwt, resolved, takenForVerifiedUntil(resolved.token, String(decoded?.header.kid)))
    return resolved
  }

  /** Not longer than its issuer's key (attacks K22). */
  function takenForVerifiedUntil({ kind, claims: { iss, exp } }: VerifiedToken, kid: string): number {
    const { issuerDocument } = tokenTable[kind]
    return Math.min(exp, now() + cachedTokenAge, discovery.peekFreshness(issuerDocument, iss, kid) ?? 0)
  }

  async function resolveAgentToken(
    decoded: DecodedToken | undefined,
    remoteAddress: string | undefined,
  ): Promise<ResolvedToken> {
    const token = await verifyDecodedToken('agent+jwt', decoded, agentTokenOptions(remoteAddress))
    const { iss: agent, sub: delegate } = token.claims
    return { key: requireConfirmation(token), scheme: 'jwt', agent, delegate, token }
  }

  async function resolveAuthToken(decoded: DecodedToken | undefined): Promise<ResolvedToken> {
    const token = await verifyDecodedToken('auth+jwt', decoded, authTokenOptions)
    const { agent, agent_delegate: delegate } = token.claims
    return { key: requireConfirmation(token), scheme: 'jwt', agent, delegate, token }
  }

  async function resolveCertificate(
    reference: { x5u: string; x5t: string },
    remoteAddress: string | undefined,
  ): Promise<ResolvedKey> {
    if (!options.certificates) throw unknownKey('no certificate roots are configured')
    const outcome = await options.certificates(reference, remoteAddress)
    if ('failure' in outcome) throw busyError(outcome.failure) ?? unknownKey(outcome.failure.message, outcome.failure)
    requireUnpublished(outcome.found.key)
    return { ...outcome.found, scheme: 'x509', delegate: undefined, token: undefined }
  }

  return async (signatureKey, remoteAddress, expected = 'agent+jwt') => {
    switch (signatureKey.scheme) {
      case 'hwk':
        return resolveHeaderKey(signatureKey.jwk)
      case 'jwks':
        return resolveKnown(signatureKey) ?? resolvePublished(signatureKey, remoteAddress)
      case 'jwt':
        return resolveToken(signatureKey.jwt, remoteAddress, expected)
      case 'x509':
        return resolveCertificate(signatureKey, remoteAddress)
    }
  }
}

/**
 * Looks for another key behind `Signature-Key`, where the signature is not by the one that was found.
 *
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 */
export type KeyRenewer = (
  signatureKey: SignatureKey,
  resolved: ResolvedKey,
  remoteAddress?: string,
) => Promise<ResolvedKey | undefined>

/**
 * Creates the `renewKey` of `verifySignature`: an agent that made a new key may publish it under the `kid` of the old
 * one, as those do that make one whenever they start.
 */
export function createKeyRenewer(discovery: Pick<Discovery, 'renewKey'>): KeyRenewer {
  return async (signatureKey, resolved, remoteAddress) => {
    if (signatureKey.scheme !== 'jwks' || 'jwksUri' in signatureKey) return undefined
    if (resolved.agent === undefined || resolved.isNew) return undefined
    const { id, kid, wellKnown: kind = 'aauth-agent' } = signatureKey
    if (!isPublishedKind(kind)) return undefined
    const key = await discovery.renewKey(kind, id, kid, resolved.key, remoteAddress)
    return key && { ...resolved, key }
  }
}

/**
 * Finds the keys of tokens at their issuers; where a token is not signed by a key that was known before, another one is
 * looked for.
 *
 * @param requireFound the key, or a throw of what a missing key is to be
 * @param remoteAddress where the request came from: what one source can make us fetch is limited
 */
export function tokenKeys(
  discovery: Pick<Discovery, 'findKey' | 'peekKey' | 'renewKey'>,
  kind: MetadataKind,
  requireFound: (found: Found<VerificationKey>, issuer: string) => VerificationKey,
  remoteAddress?: string,
): Required<Pick<VerifyTokenOptions, 'findKey' | 'renewKey'>> {
  /** Of documents that were fetched for the last lookup: no newer ones are published. */
  const newKeys = new WeakSet<VerificationKey>()

  return {
    async findKey(issuer, kid) {
      const known = discovery.peekKey(kind, issuer, kid)
      const outcome = known ? { found: known } : await discovery.findKey(kind, issuer, kid, remoteAddress)
      const key = requireFound(outcome, issuer)
      if ('isNew' in outcome) newKeys.add(key)
      else newKeys.delete(key)
      return key
    },
    async renewKey(issuer, kid, key) {
      return newKeys.has(key) ? undefined : discovery.renewKey(kind, issuer, kid, key, remoteAddress)
    },
  }
}

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
  throw new AAuthError('auth_token_invalid', 'The auth+jwt is refused: no usable key of its issuer was found.', {
    cause: found.failure,
  })
}

function busyError(failure: DiscoveryFailure): AAuthError | undefined {
  if (failure.reason !== 'busy') return undefined
  const { retryAfter = 3 } = failure
  return new AAuthError('too_many_requests', 'Too many keys are being looked for.', { cause: failure, retryAfter })
}

function unknownKey(message: string, cause?: DiscoveryFailure): AAuthError {
  return new AAuthError('key_unknown', `The key was not found: ${message}.`, { cause })
}
