import type { GuardedFetch, GuardedFetchOptions } from './guarded-fetch.js'

/**
 * Where there is no socket to look at, the platform decides what may be connected to: this only refuses what is not
 * `https` and follows no redirect. There `allowNetworks` allows nothing more, and `egressProxy` is a TypeError.
 */
export function createGuardedFetch({ egressProxy }: GuardedFetchOptions = {}): GuardedFetch {
  if (egressProxy !== undefined)
    throw new TypeError('egressProxy works on Node only: take it out, and set the proxy of this platform')
  return async (input, init) => {
    if (!input.startsWith('https://')) throw new TypeError('refused: only https is fetched')
    try {
      return await fetch(input, { ...init, redirect: 'manual' })
    } catch (cause) {
      // Platforms disagree about what a failure of the network looks like.
      throw new TypeError('the fetch failed', { cause })
    }
  }
}
