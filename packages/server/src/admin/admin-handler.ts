import { AAuthError, isIdentifier } from 'countersign'
import type { ServerContext } from '../context.js'
import { decodeSegment } from '../decode-segment.js'
import { refusalResponse } from '../token/signed-form-endpoint.js'
import { createSecretCheck } from './secret-check.js'

/** Who asks here, as the audit names them. */
const by = 'operator:admin-api'

const refreshPath = /^\/admin\/agents\/([^/]+)\/refresh$/

/**
 * Creates what answers administrators: `POST /admin/agents/{identifier}/refresh`, with the identifier percent-encoded,
 * has every instance fetch the document and keys of an agent anew (attacks K22). Whoever does not show the secret as a
 * bearer token gets 401, whatever they ask for; without a secret there is nothing here.
 *
 * @throws TypeError for a secret that is too short, or that nobody could show
 */
export function createAdminHandler(
  context: ServerContext,
  secret: string | undefined,
): (request: Request, requestId: string) => Promise<Response> {
  const isSecret = secret === undefined ? undefined : createSecretCheck(secret)

  async function answer(request: Request): Promise<object> {
    const nothing = new AAuthError('not_found', 'There is nothing here.')
    if (!isSecret) throw nothing
    const [, presented] = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(request.headers.get('authorization') ?? '') ?? []
    if (presented === undefined || !isSecret(presented))
      throw new AAuthError('administrator_unknown', 'Send the secret of the administrator as a bearer token.')
    const [, encoded] = refreshPath.exec(new URL(request.url).pathname) ?? []
    if (encoded === undefined || request.method !== 'POST') throw nothing
    const agent = requireAgent(encoded, context)
    await context.storage.requestRefresh({ identifier: agent, by })
    // The other instances follow within a second, this one at once.
    context.discovery.forget(agent)
    return { agent, refreshed: true }
  }

  return async function adminHandler(request, requestId) {
    try {
      const body = JSON.stringify(await answer(request))
      return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
    } catch (error) {
      const refused = refusalResponse(context, error, requestId)
      if (refused.status === 401) refused.headers.set('www-authenticate', 'Bearer')
      return refused
    }
  }
}

function requireAgent(encoded: string, { identifiers }: ServerContext): string {
  const agent = decodeSegment(encoded)
  if (agent !== undefined && isIdentifier(agent, identifiers)) return agent
  throw new AAuthError(
    'request_malformed',
    'Name the agent by its identifier, percent-encoded: /admin/agents/https%3A%2F%2Fagent.example/refresh.',
  )
}
