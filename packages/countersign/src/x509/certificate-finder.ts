import { createHash, type X509Certificate } from 'node:crypto'
import { createFetchBudget, type DiscoveryLimits, LookupQueue } from '../discovery/fetch-budget.js'
import { type FetchDocument, type Found, fetchText } from '../discovery/fetch-document.js'
import type { CertificateFinder, FoundCertificate } from '../discovery/found-certificate.js'
import { createGuardedFetch } from '../discovery/guarded-fetch.node.js'
import type { Lookup } from '../discovery/lookup-guard.js'
import type { NetworkOptions } from '../discovery/network-options.js'
import { systemClock } from '../lib/clock.js'
import { parseBase64url } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { isFetchableUrl, isIdentifier } from '../protocol/documents.js'
import { parseCertificates, publicKeyOf, verifyCertificateChain } from './certificate-chain.js'

export interface CertificateFinderOptions extends Omit<DiscoveryLimits, 'failureAge'>, NetworkOptions {
  /** Root certificates as PEM, one or more per string. Only these are trusted, never the system's roots. */
  roots: readonly [string, ...string[]]
  /**
   * Checks whether a certificate was revoked, for example by CRL or OCSP. Called for the leaf, then for each intermediate certificate, once
   * per leaf and cache lifetime. If this throws, the certificate is rejected.
   * @default no check: a certificate is valid until it expires, so use short-lived certificates
   */
  isRevoked?: (certificate: X509Certificate) => MaybePromise<boolean>
  /** Maximum time for which a checked certificate is cached, in seconds. @default 3600 */
  cacheAge?: number
  /** @default a guarded fetch */
  fetch?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port for `x5u`, for development. @default false */
  allowInsecureLoopback?: boolean
}

const limits = { cached: 10_000, roots: 1000 }

/** The `Accept` header for requesting a chain: few servers know the media type of chains (RFC 8555 §9.1). */
const asked = { maxBytes: 32_768, timeout: 2500, accept: 'application/pem-certificate-chain, */*;q=0.1' }

/**
 * Finds the certificate of `scheme=x509` (S§10.7, W11): fetches `x5u`, follows the chain to the configured roots, and takes the agent’s
 * identity from the single dNSName of the leaf. TLS certificates are suitable, both client and server ones.
 *
 * @throws TypeError if a root is not a certificate
 * @example
 * ```ts
 * const certificates = createCertificateFinder({ roots: [readFileSync('roots.pem', 'utf8')] })
 * const resource = createResource({ id, signer, authServer, certificates })
 * ```
 */
export function createCertificateFinder(options: CertificateFinderOptions): CertificateFinder {
  const { now = systemClock, cacheAge = 3600, failureTime = 'equal', isRevoked } = options
  const roots = options.roots.flatMap(parseRoots)
  const fetch = options.fetch ?? createGuardedFetch(options)
  const cache = new LruCache<FoundCertificate>(limits.cached)
  const flights = new Map<string, Promise<Found<FoundCertificate>>>()
  const budget = createFetchBudget(options, now)
  const lookups = new LookupQueue(now)

  async function find(x5u: string, x5t: string): Promise<Found<FoundCertificate>> {
    const fetched = await fetchText(x5u, { fetch, ...asked })
    if ('refusal' in fetched) {
      const reason = fetched.unreachable ? 'unreachable' : 'refused'
      return { failure: { reason, message: fetched.refusal, cause: fetched.cause } }
    }
    const chain = parseCertificates(fetched.text)
    if (!chain?.[0]) return refused('x5u does not contain a chain of 1 to 5 PEM certificates')
    if (createHash('sha256').update(chain[0].raw).digest('base64url') !== x5t)
      return refused('x5t is not the thumbprint of the certificate')
    const verified = verifyCertificateChain(chain, roots, now())
    if ('refusal' in verified) return refused(verified.refusal)
    const { dnsNames, otherNames } = verified.extensions
    if (dnsNames.length !== 1 || otherNames)
      return refused('the certificate must have exactly one name, and it must be a dNSName')
    const agent = `https://${dnsNames[0]}`
    if (!isIdentifier(agent) || new URL(agent).port !== '')
      return refused('the dNSName of the certificate is not the host of a valid identifier')
    for (const certificate of verified.path) {
      const refusal = await revocationOf(certificate)
      if (refusal) return refusal
    }
    const key = await importKey(verified.path[0])
    if ('failure' in key) return key
    const found = { key: key.found, agent }
    cache.set(x5t, found, Math.min(verified.validUntil, now() + cacheAge))
    return { found }
  }

  async function revocationOf(certificate: X509Certificate): Promise<Failed | undefined> {
    try {
      return (await isRevoked?.(certificate)) ? refused('the certificate was revoked') : undefined
    } catch (cause) {
      return refused('the revocation status of the certificate could not be determined', cause)
    }
  }

  async function startFlight(
    id: string,
    x5u: string,
    x5t: string,
    source: string | undefined,
  ): Promise<Found<FoundCertificate>> {
    const spent = budget.begin({ source, known: false, url: x5u })
    if ('failure' in spent) return spent
    const flight = find(x5u, x5t).finally(() => {
      spent.end()
      flights.delete(id)
    })
    flights.set(id, flight)
    return flight
  }

  async function look(x5u: string, x5t: string, lookup: Lookup): Promise<Found<FoundCertificate>> {
    const id = `${x5t} ${x5u}`
    return lookup.enter(false) ?? lookup.within(flights.get(id) ?? startFlight(id, x5u, x5t, lookup.source))
  }

  return async ({ x5u, x5t }, remoteAddress) => {
    if (parseBase64url(x5t)?.length !== 32) return refused('x5t is not a SHA-256 thumbprint')
    const cached = cache.get(x5t, now())
    if (cached) return { found: cached }
    if (!isFetchableUrl(x5u, options)) return refused('x5u is not an accepted URL')
    return lookups.run(remoteAddress, failureTime, (lookup) => look(x5u, x5t, lookup))
  }
}

type Failed = Extract<Found<never>, { failure: unknown }>

async function importKey(certificate: X509Certificate): Promise<Found<FoundCertificate['key']>> {
  const publicKey = publicKeyOf(certificate)
  // Node cannot export other types as JWK, and none of them is supported.
  if (!publicKey || !['ed25519', 'ec', 'rsa'].includes(publicKey.asymmetricKeyType ?? ''))
    return refused('the certificate’s key type is not supported')
  try {
    return { found: await importVerificationKey(publicKey.export({ format: 'jwk' })) }
  } catch (cause) {
    if (!(cause instanceof AAuthError) && !isUnsupportedCurve(cause)) throw cause
    return refused('the certificate’s key cannot be used', cause)
  }
}

function isUnsupportedCurve(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_CRYPTO_JWK_UNSUPPORTED_CURVE'
}

function parseRoots(pem: string): X509Certificate[] {
  const roots = parseCertificates(pem, limits.roots)
  if (!roots) throw new TypeError(`each string in roots must contain 1 to ${limits.roots} PEM certificates`)
  return roots
}

function refused(message: string, cause?: unknown): Failed {
  return { failure: { reason: 'refused', message, cause } }
}
