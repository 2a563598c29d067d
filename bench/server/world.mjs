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
  }
}

export function callbackOf(agent) {
  return `${agent}/callback`
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
  ])
  return async (url) => {
    const found = documents.get(String(url))
    return found ? Response.json(found) : new Response(null, { status: 404 })
  }
}
