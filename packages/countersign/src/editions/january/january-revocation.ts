import type { Discovery } from '../../discovery/discovery.js'
import { type EndpointOrigins, endpointProblem } from '../../protocol/documents.js'
import { januaryDocuments } from './documents.js'

interface RevocationTools {
  discovery: Pick<Discovery, 'findMetadata'>
  endpointOrigins: EndpointOrigins | undefined
  /** Sends a request that the agent signs. */
  fetch: typeof globalThis.fetch
}

/**
 * Revokes a refresh token at its auth server. Resolves to false if that should be tried again later, because the auth server did not
 * accept the request. An auth server without an endpoint for this is not asked.
 */
export async function revokeRefreshToken(
  { discovery, endpointOrigins, fetch }: RevocationTools,
  { authServer, refreshToken }: { authServer: string; refreshToken: string },
): Promise<boolean> {
  const outcome = await discovery.findMetadata(januaryDocuments.authServer, authServer)
  if ('failure' in outcome) return false
  const { agent_revocation_endpoint: endpoint } = outcome.found
  if (endpoint === undefined) return true
  if (endpointProblem(authServer, 'agent_revocation_endpoint', endpoint, endpointOrigins) !== undefined) return true
  try {
    const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams({ token: refreshToken }) })
    return response.ok
  } catch {
    // Whatever prevented it, the caller tries again.
    return false
  }
}
