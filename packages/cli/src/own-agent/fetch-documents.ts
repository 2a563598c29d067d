import type { FetchDocument } from 'countersign'
import { createGuardedFetch } from 'countersign/node'
import type { NetworkOptions } from 'countersign/wire'

/**
 * Fetches documents for an agent whose own requests go another way: from public addresses and allowed networks, and from the
 * auth servers that were given, wherever these are (W28).
 */
export function fetchDocuments(
  authServers: readonly string[],
  options: NetworkOptions & { allowInsecureLoopback: boolean },
): FetchDocument {
  const stranger = createGuardedFetch(options)
  const known = new Map(
    authServers.map((id) => {
      const { origin } = new URL(id)
      return [origin, createGuardedFetch({ ...options, configuredOrigin: origin })]
    }),
  )
  return (url, init) => (known.get(new URL(url).origin) ?? stranger)(url, init)
}
