import { createHash, X509Certificate } from 'node:crypto'
import type { Found } from '../discovery/discovery.js'
import { type FetchDocument, fetchText } from '../discovery/fetch-document.js'
import { createGuardedFetch } from '../discovery/guarded-fetch.node.js'
import type { CertificateFinder, FoundCertificate } from '../discovery/resolve-key.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { isIdentifier } from '../protocol/identifier.js'
import { isFetchableUrl } from '../protocol/metadata.js'
import { parseCertificateChain, verifyCertificateChain } from './certificate-chain.js'

export interface CertificateFinderOptions {
  /** Root certificates as PEM; the only ones trusted, never the system's. */
  roots: readonly [string, ...string[]]
  /**
   * Asks whether a certificate was revoked (by CRL or OCSP, as you see fit). Called once per certificate and cache life.
   * @default no check: a certificate counts until it ends, so keep them short-lived
   */
  isRevoked?: (certificate: X509Certificate) => MaybePromise<boolean>
  /** Seconds that a checked certificate is remembered at most. @default 3600 */
  cacheAge?: number
  /** @default a guarded fetch */
  fetch?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port for `x5u`, for development. @default false */
  allowInsecureLoopback?: boolean
}

const limits = { bytes: 32_768, timeout: 2500, cached: 10_000 }

/**
 * Finds the certificate of `scheme=x509` (S§10.7, W11): fetches `x5u`, follows the chain to the configured roots, and
 * takes the agent's identity from the one dNSName of the leaf.
 *
 * @throws TypeError when a root is not a certificate
 */
export function createCertificateFinder(options: CertificateFinderOptions): CertificateFinder {
  const { now = systemClock, cacheAge = 3600, isRevoked } = options
  const roots = options.roots.map(parseRoot)
  const fetch = options.fetch ?? createGuardedFetch(options)
  const cache = new LruCache<FoundCertificate>(limits.cached)

  return async ({ x5u, x5t }): Promise<Found<FoundCertificate>> => {
    const cached = cache.get(x5t, now())
    if (cached) return { found: cached }
    if (!isFetchableUrl(x5u, options)) return refused('x5u is not a URL of the accepted form')
    const fetched = await fetchText(x5u, { fetch, maxBytes: limits.bytes, timeout: limits.timeout })
    if ('refusal' in fetched) {
      return {
        failure: {
          reason: fetched.unreachable ? 'unreachable' : 'refused',
          message: fetched.refusal,
          cause: fetched.cause,
        },
      }
    }
    const chain = parseCertificateChain(fetched.text)
    const [first] = chain ?? []
    if (!chain || !first) return refused('x5u holds no chain of 1 to 5 PEM certificates')
    if (createHash('sha256').update(first.raw).digest('base64url') !== x5t)
      return refused('x5t is not the thumbprint of the certificate')
    const verified = verifyCertificateChain(chain, roots, now())
    if ('refusal' in verified) return refused(verified.refusal)
    const { dnsNames, otherNames } = verified.extensions
    const agent = `https://${dnsNames[0] ?? ''}`
    if (dnsNames.length !== 1 || otherNames || !isIdentifier(agent))
      return refused('the certificate does not have exactly one dNSName')
    if (await isRevoked?.(verified.leaf)) return refused('the certificate was revoked')
    try {
      const key = await importVerificationKey(verified.leaf.publicKey.export({ format: 'jwk' }))
      const found = { key, agent }
      cache.set(x5t, found, Math.min(verified.validUntil, now() + cacheAge))
      return { found }
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return refused(cause.message, cause)
    }
  }
}

function parseRoot(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new TypeError('roots must be PEM certificates', { cause })
  }
}

function refused(
  message: string,
  cause?: unknown,
): { failure: { reason: 'refused'; message: string; cause?: unknown } } {
  return { failure: { reason: 'refused', message, cause } }
}
