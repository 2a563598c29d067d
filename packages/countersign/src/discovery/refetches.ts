import type { VerificationKey } from '../lib/jwk.js'
import { LruCache } from '../lib/lru-cache.js'
import type { DocumentSource, Documents, LoadedDocument } from './documents.js'
import type { DiscoveryFailure } from './fetch-document.js'
import { fetchLimits } from './fetch-limits.js'
import type { KeyFinder } from './jwks.js'
import type { Lookup } from './lookup-guard.js'

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
