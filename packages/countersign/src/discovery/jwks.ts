import { type JoseRules, registeredNames } from '../lib/algorithms.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey, showsSecret, type VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import { publishedKeyProblem } from '../lib/published-keys.js'
import { isLoopbackIdentifier } from '../protocol/documents.js'
import type { DocumentSource, Documents, LoadedDocument } from './documents.js'
import { type DiscoveryFailure, type Found, fetchLimits } from './fetch-document.js'
import type { Lookup } from './lookup-guard.js'

/** Finds a key of the set by its `kid`. */
export type KeyFinder = (kid: string) => Promise<Found<VerificationKey>>

/**
 * Reads a JWKS (RFC 7517 §5), or says why it is refused. Keys are imported when they are asked for. Two entries with one
 * `kid` are both refused: readers would not agree which of them is meant. So is a key that a standard prints, but on
 * loopback.
 *
 * @param origin where it was found
 */
export function readJwks(
  document: unknown,
  origin: string,
  rules: JoseRules = registeredNames,
): { value: KeyFinder } | { refusal: string } {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) return { refusal: 'it has no keys array' }
  if (keys.length > fetchLimits.keys) return { refusal: `it has more than ${fetchLimits.keys} keys` }
  const byKid = new Map<string, Promise<VerificationKey> | object>()
  const repeated = new Set<string>()
  for (const jwk of keys as unknown[]) {
    if (typeof jwk !== 'object' || jwk === null || !('kid' in jwk) || typeof jwk.kid !== 'string') continue
    if (byKid.has(jwk.kid)) repeated.add(jwk.kid)
    byKid.set(jwk.kid, jwk)
  }
  const value: KeyFinder = async (kid) => {
    const entry = byKid.get(kid)
    if (!entry) return { failure: { reason: 'unknown_kid', message: 'no key of this kid is published' } }
    if (repeated.has(kid)) return unusable('its kid names two keys: give each key a kid of its own')
    const imported = entry instanceof Promise ? entry : importVerificationKey(entry, rules)
    byKid.set(kid, imported)
    try {
      const found = await imported
      const problem = printedKeyProblem(origin, found)
      return problem === undefined ? { found } : unusable(`it ${problem}`)
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return { failure: { reason: 'refused', message: cause.message, cause } }
    }
  }
  return { value }
}

/** Why a key must not be used: a standard prints it, private part included. On loopback, examples may be tried as printed. */
export function printedKeyProblem(identifier: string, { thumbprint }: VerificationKey): string | undefined {
  return isLoopbackIdentifier(identifier) ? undefined : publishedKeyProblem(thumbprint)
}

function unusable(message: string): Found<never> {
  return { failure: { reason: 'unusable', message } }
}

/** The keys in a JWKS that show their private part. */
export function privateKeysIn(document: unknown): { kid: string | undefined }[] {
  const { keys } = document as { keys: readonly unknown[] }
  return keys
    .filter((jwk): jwk is { kid?: unknown } => typeof jwk === 'object' && jwk !== null && showsSecret(jwk))
    .map(({ kid }) => ({ kid: typeof kid === 'string' ? kid.slice(0, 256) : undefined }))
}

/** A key, and whether it is of a document that was fetched for this very lookup: then no newer one is published. */
export type FoundKey = { found: VerificationKey; isNew?: true } | { failure: DiscoveryFailure }

/** Loads documents in which something was missing once more, no document more often than it may be. */
export function createRefetches(
  documents: Documents,
  now: () => number,
  renewalInterval: number = fetchLimits.refetchInterval,
) {
  const lastRefetch = new LruCache<true>(fetchLimits.cachedDocuments)

  async function loadKey(source: DocumentSource<KeyFinder>, kid: string, lookup: Lookup): Promise<FoundKey> {
    const before = documents.find(source)
    const first = await documents.load(source, lookup)
    if (!('found' in first)) return first
    const key = await first.found.value(kid)
    const isNew = first.found !== before
    if ('found' in key) return isNew ? { ...key, isNew } : key
    if (key.failure.reason !== 'unknown_kid' && key.failure.reason !== 'unusable') return key
    const mayRefetch = !isNew && !lastRefetch.get(source.key, now())
    if (isNew || mayRefetch) lastRefetch.set(source.key, true, now() + fetchLimits.refetchInterval)
    if (!mayRefetch && !documents.isLoading(source)) {
      const latest = documents.find(source, first.found.fetched)
      return latest ? latest.value(kid) : key
    }
    const second = await documents.load(source, lookup, first.found.fetched)
    if ('found' in second) return second.found.value(kid)
    const { reason } = second.failure
    // Nothing was fetched: the next request may have it fetched, and need not wait for a minute.
    if (reason === 'busy' && mayRefetch) lastRefetch.delete(source.key)
    return reason === 'refused' || reason === 'busy' ? second : key
  }

  async function loadRenewed<T>(
    source: DocumentSource<T>,
    held: LoadedDocument<T>,
    lookup: Lookup,
  ): Promise<LoadedDocument<T>> {
    const mayFetch = !lastRefetch.get(source.key, now())
    if (mayFetch) lastRefetch.set(source.key, true, now() + renewalInterval)
    if (!mayFetch && !documents.isLoading(source)) return held
    const outcome = await documents.load(source, lookup, held.fetched)
    if ('found' in outcome) return outcome.found
    if (outcome.failure.reason === 'busy' && mayFetch) lastRefetch.delete(source.key)
    return held
  }

  return { loadKey, loadRenewed }
}
