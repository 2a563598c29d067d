import type { FetchDocument } from './fetch-document.js'
import type { GuardedInit } from './guarded-fetch.js'

/**
 * A `fetch` for resources and agents on platforms without access to sockets, such as Cloudflare Workers. It follows no redirects, but
 * connects to any address: a client that names a URL can make this program send GET requests to every host that the platform reaches, by
 * any name. Use it only if the platform can reach only the public internet. On Node.js, use the default instead.
 *
 * @example
 * ```ts
 * const resource = createResource({ id: 'https://api.example', signer, authServer, fetch: fetchWithoutAddressChecks })
 * ```
 */
export const fetchWithoutAddressChecks: FetchDocument & ((url: string, init?: GuardedInit) => Promise<Response>) =
  async (url: string, init?: GuardedInit) => {
    try {
      return await fetch(url, { ...init, redirect: 'manual' })
    } catch (cause) {
      // Platforms report network failures in different ways.
      throw new TypeError('the fetch failed', { cause })
    }
  }
