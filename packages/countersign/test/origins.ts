import type { FetchDocument } from 'countersign'

/** A `fetch` over a map from URL to document, and the URLs that were requested. */
export function documentFetch(documents: Readonly<Record<string, object | undefined>>): {
  fetch: FetchDocument
  asked: string[]
} {
  const asked: string[] = []
  return {
    asked,
    fetch: async (url) => {
      asked.push(url)
      const document = documents[url]
      return document ? Response.json(document) : new Response('', { status: 404 })
    },
  }
}

/** The two documents that an agent publishes. */
export function agentDocuments(id: string, keys: readonly object[]): Record<string, object> {
  return {
    [`${id}/.well-known/aauth-agent`]: { agent: id, jwks_uri: `${id}/jwks.json` },
    [`${id}/jwks.json`]: { keys },
  }
}

/** The two documents that an auth server publishes. */
export function issuerDocuments(id: string, keys: readonly object[]): Record<string, object> {
  return {
    [`${id}/.well-known/aauth-issuer`]: {
      issuer: id,
      jwks_uri: `${id}/jwks.json`,
      agent_token_endpoint: `${id}/agent/token`,
      agent_auth_endpoint: `${id}/agent/auth`,
    },
    [`${id}/jwks.json`]: { keys },
  }
}

/** The two documents that an auth server publishes for OAuth clients, as far as a resource reads them. */
export function oauthDocuments(issuer: string, keys: readonly object[]): Record<string, object> {
  return {
    [`${issuer}/.well-known/oauth-authorization-server`]: { issuer, jwks_uri: `${issuer}/oauth/jwks.json` },
    [`${issuer}/oauth/jwks.json`]: { keys },
  }
}
