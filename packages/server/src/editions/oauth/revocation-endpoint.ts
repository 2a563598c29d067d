import { readForm, requireParameter } from 'countersign/editions'
import type { ServerContext } from '../../http/context.js'
import type { Arrival } from '../../http/route.js'
import type { ServerKeys } from '../../secrets/server-keys.js'
import { readAccessToken } from './access-token.js'
import { type AuthenticatedClient, clientIn } from './client-authentication.js'
import { clientAuthMethods } from './client-document.js'
import { readToken } from './refresh-token.js'
import { maxOAuthForm, type TokenEndpointParts } from './token-endpoint.js'

/**
 * `POST /oauth/revoke` (RFC 7009): revokes the family of a refresh token or access token, that is, the refresh token and all access tokens
 * that were issued with it. The response is the same for a token that is unknown, has expired or belongs to another client.
 */
export function createRevocationEndpoint(
  context: ServerContext,
  { keys, authenticate }: Pick<TokenEndpointParts, 'authenticate'> & { keys: Pick<ServerKeys, 'publicKeys'> },
) {
  return async function revoke({ request, received }: Arrival): Promise<Response> {
    const form = readForm(request.headers.get('content-type'), await received.body(maxOAuthForm))
    const token = requireParameter(form, 'token')
    const named = clientIn(form)
    const access = await readAccessToken(context, keys, token)
    const familyFor = (client: Pick<AuthenticatedClient, 'clientId' | 'method'>) =>
      access?.clientId === client.clientId ? access.family : readToken(context.secrets, token, client)?.family
    // The client's document is fetched only for a token that was issued to it.
    if (clientAuthMethods.some((method) => familyFor({ clientId: named, method }) !== undefined)) {
      const client = await authenticate({ form, headers: request.headers, ip: received.remoteAddress })
      const family = familyFor(client)
      if (family !== undefined)
        await context.storage.revokeRefreshToken({ family, agent: client.clientId, delegate: null })
    }
    return new Response(null, { headers: { 'cache-control': 'no-store' } })
  }
}
