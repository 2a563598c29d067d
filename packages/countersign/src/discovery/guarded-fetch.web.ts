import type { GuardedFetch, GuardedFetchOptions } from './guarded-fetch.js'

/**
 * On platforms without access to sockets, the platform determines which addresses may be connected to. This version only refuses URLs that
 * are not `https`, and does not follow redirects. `allowNetworks` has no effect, and `egressProxy` throws a TypeError.
 */
export function createGuardedFetch({ egressProxy }: GuardedFetchOptions = {}): GuardedFetch {
  if (egressProxy !== undefined)
    throw new TypeError('egressProxy works only on Node.js: configure this platform’s own proxy instead')
  return async (input, init) => {
    if (!input.startsWith('https://')) throw new TypeError('refused: only https URLs are fetched')
    try {
      return await fetch(input, { ...init, redirect: 'manual' })
    } catch (cause) {
      // Platforms report network failures in different ways.
      throw new TypeError('the fetch failed', { cause })
    }
  }
}
