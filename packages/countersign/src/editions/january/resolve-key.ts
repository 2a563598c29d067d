import { printedKeyProblem } from '../../discovery/jwks.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { AAuthError } from '../../lib/errors.js'
import { createKeyImporter, type VerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import { decodeToken } from '../../tokens/decode-token.js'
import type { KeyResolver, KeyResolverOptions, ResolvedKey } from '../key-resolver.js'
import { anonymous, createPublishedKeys, lookupError, unknownKey } from './resolve-published-key.js'
import { cachedReferences, createTokenResolver } from './resolve-token.js'
import { januaryTokens } from './tokens.js'

/** Finds the key that `Signature-Key` refers to (S§10.7). */
export function createKeyResolver(options: KeyResolverOptions): KeyResolver {
  const { now, audience, role, certificates } = options
  const importKey = createKeyImporter()
  const published = createPublishedKeys(options)
  const resolveToken = createTokenResolver(options, importKey)
  const headerKeys = new LruCache<ResolvedKey>(cachedReferences.count)

  async function resolveHeaderKey(jwk: Readonly<Record<string, string>>): Promise<ResolvedKey> {
    // Separated by quotes: no parameter of the header can contain one.
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
  const problem = printedKeyProblem(audience, key)
  if (problem !== undefined) throw new AAuthError('key_invalid', `The key cannot be used: it ${problem}.`)
}

/** Runs before a token is verified: an auth token is for a resource, so verifying it could only report another audience. */
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
