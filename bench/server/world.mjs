import { generatePrivateJwk } from 'countersign'
import { publicJwkOf } from './keys.mjs'

/**
 * The world that the tested processes and the client agree on. Requests are sent to loopback; the authority is the one they are signed for.
 */
export const issuer = 'https://auth.example'
export const resourceId = 'https://api.example'
export const scope = 'calendar.read calendar.write'
export const password = 'correct horse battery staple'

const agents = 32
const agentId = (index) => `https://planner-${index}.example`

/** The private keys that the client signs with. */
export async function createKeys() {
  return {
    agents: await Promise.all(
      Array.from({ length: agents }, async (_, index) => ({
        id: agentId(index),
        jwk: await generatePrivateJwk({ kid: 'agent-1' }),
      })),
    ),
    resource: await generatePrivateJwk({ kid: 'resource-1' }),
    authServer: await generatePrivateJwk({ kid: 'auth-1' }),
    oauth: await generatePrivateJwk({ kid: 'oauth-1', algorithm: 'ecdsa-p256-sha256' }),
  }
}

export function callbackOf(agent) {
  return `${agent}/callback`
}

/** An OAuth client and a resource for it. */
export const bearerClient = {
  client_id: 'https://client.example/client.json',
  client_name: 'Trip planner',
  redirect_uris: ['https://client.example/callback'],
  token_endpoint_auth_method: 'none',
}
export const bearerResource = {
  resource: 'https://notes.example/mcp',
  authorization_servers: [issuer],
  scopes_supported: ['notes.read', 'notes.write'],
  scope_descriptions: { 'notes.read': 'See your notes', 'notes.write': 'Add and change notes' },
}

/** Serves the documents of all agents and of the resource instead of the guarded fetch. */
export function documentsOf({ agents, resource }) {
  const documents = new Map([
    ...agents.flatMap(({ id, jwk }) => [
      [
        `${id}/.well-known/aauth-agent`,
        { agent: id, jwks_uri: `${id}/jwks.json`, redirect_uris: [callbackOf(id)], name: 'Trip planner', homepage: id },
      ],
      [`${id}/jwks.json`, { keys: [publicJwkOf(jwk)] }],
    ]),
    [
      `${resourceId}/.well-known/aauth-resource`,
      {
        resource: resourceId,
        jwks_uri: `${resourceId}/jwks.json`,
        supported_scopes: ['calendar.read', 'calendar.write', 'calendar.share'],
        scope_descriptions: {
          'calendar.read': 'See the events in your calendar',
          'calendar.write': 'Add, change and delete events in your calendar',
        },
      },
    ],
    [`${resourceId}/jwks.json`, { keys: [publicJwkOf(resource)] }],
    [bearerClient.client_id, bearerClient],
    ['https://notes.example/.well-known/oauth-protected-resource/mcp', bearerResource],
  ])
  return async (url) => {
    const found = documents.get(String(url))
    return found ? Response.json(found) : new Response(null, { status: 404 })
  }
}
