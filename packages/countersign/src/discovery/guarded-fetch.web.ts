import type { FetchDocument } from './fetch-document.js'
import type { GuardedFetchOptions } from './guarded-fetch.node.js'

/**
 * Where there is no socket to look at, the platform decides what may be connected to: this only refuses what is not
 * `https` and follows no redirect.
 */
export function createGuardedFetch(_options: GuardedFetchOptions = {}): FetchDocument {
  return async (input, init) => {
    if (!input.startsWith('https://')) throw new TypeError('refused: only https is fetched')
    return fetch(input, { ...init, redirect: 'manual' })
  }
}
