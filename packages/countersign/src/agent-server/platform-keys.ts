import { type Discovery, findTokenKey } from '../discovery/discovery.js'
import { readJwks } from '../discovery/document-sources.js'
import type { Found } from '../discovery/fetch-document.js'
import type { JoseRules, PublicJwk } from '../lib/algorithms.js'
import type { VerificationKey } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { DocumentType } from '../protocol/documents.js'
import type { IssuerKey } from '../tokens/verify-token.js'
import { DelegateRefusal } from './delegate-refusal.js'

/** The algorithms of platforms' tokens. Keys of type RSA are used only with RS256. */
export const platformJose: JoseRules = {
  names: { ed25519: ['EdDSA'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['RS256'] },
  algRequired: false,
}

/** The metadata of a platform's issuer (OpenID Connect Discovery 1.0 §3). */
const issuerDocument: DocumentType<{ issuer: string; jwks_uri: string }> = {
  name: 'openid-configuration',
  jose: platformJose,
  // Configured by the operator: it may be at a private address.
  party: 'authServer',
  self: 'issuer',
  members: { issuer: 'identifier', jwks_uri: 'url' },
  required: ['issuer', 'jwks_uri'],
}

/** A public key of a platform's issuer. */
export type PlatformKey = VerificationKey

/** Finds a key of an issuer by its `kid`. @throws DelegateRefusal `workload_denied`, `issuer_unavailable` */
export type PlatformKeys = (kid: string, remoteAddress: string | undefined) => MaybePromise<IssuerKey>

/** Keys that the operator configured. */
export function publishedKeys(keys: readonly PublicJwk[]): ReturnType<typeof readJwks> {
  return readJwks({ keys }, '', platformJose)
}

/** Creates the lookup of an issuer's keys: among those that the operator configured, or with a request to the issuer. */
export function createPlatformKeys(
  { issuer, keys }: { issuer: string; keys?: readonly PublicJwk[] | undefined },
  discovery: Discovery,
): PlatformKeys {
  if (keys) {
    const own = publishedKeys(keys)
    if ('refusal' in own) throw new TypeError(own.refusal)
    return async (kid) => ({ key: requireFound(await own.value(kid)) })
  }
  return async (kid, remoteAddress) => {
    const found = await findTokenKey(discovery, issuerDocument, requireFound, remoteAddress)(issuer, kid)
    // A key may have been withdrawn while the issuer does not respond, and each exchange starts something new (W32).
    if (discovery.isStale(issuerDocument, issuer))
      throw unavailable('The issuer of the platform token does not respond')
    return found
  }
}

function requireFound(outcome: Found<VerificationKey>): VerificationKey {
  if ('found' in outcome) return outcome.found
  const { reason, message } = outcome.failure
  if (reason === 'unknown_kid')
    throw new DelegateRefusal('workload_denied', 'The platform token was rejected: its issuer has no key with its kid.')
  // The message may contain the address of a private network: it is for the operator.
  throw unavailable('The keys of the issuer of the platform token are not available', message)
}

function unavailable(what: string, why?: string): DelegateRefusal {
  const cause = why === undefined ? undefined : new Error(why)
  return new DelegateRefusal('issuer_unavailable', `${what}. Try again later.`, undefined, cause)
}
