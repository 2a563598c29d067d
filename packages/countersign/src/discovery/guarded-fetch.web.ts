import type { GuardedFetch, GuardedFetchOptions } from './guarded-fetch.js'
import { fetchWithoutAddressChecks } from './unchecked-fetch.js'

/**
 * On platforms without access to sockets, no program can check which address a host has. This version fetches only from the configured
 * origin. For any other URL, it rejects with an error that is not a network failure, because the program must decide what to do about such
 * URLs. `allowNetworks` has no effect, and `egressProxy` throws a TypeError.
 */
export function createGuardedFetch({ egressProxy, configuredOrigin }: GuardedFetchOptions = {}): GuardedFetch {
  if (egressProxy !== undefined) throw new TypeError('egressProxy works only on Node.js')
  return async (input, init) => {
    const { origin } = new URL(input)
    if (origin === configuredOrigin) return fetchWithoutAddressChecks(input, init)
    throw new Error(`the address of ${origin} cannot be checked on this platform: see fetchWithoutAddressChecks`)
  }
}
