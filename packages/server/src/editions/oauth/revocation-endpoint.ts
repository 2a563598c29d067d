import { readForm, requireParameter } from 'countersign/editions'
import type { ServerContext } from '../../http/context.js'
import type { Arrival } from '../../http/route.js'
import type { AuthenticateClient } from './client-authentication.js'
import { clientAuthMethods } from './client-document.js'
import { clientIn, maxOAuthForm, readToken } from './token-endpoint.js'

/**
 * `POST /oauth/revoke` (RFC 7009): revokes the family of a refresh token. The response is the same for a token that is unknown or belongs to
 * another client. An access token expires within minutes, so it is not revoked on its own.
 */
export function createRevocationEndpoint(
  context: ServerContext,
  { authenticate }: { authenticate: AuthenticateClient },
) {
  return async function revoke({ request, received }: Arrival): Promise<Response> {
    const form = readForm(request.headers.get('content-type'), await received.body(maxOAuthForm))
    const token = requireParameter(form, 'token')
    const named = clientIn(form)
    // The client's document is fetched only for a token that was issued to it.
    if (clientAuthMethods.some((method) => readToken(context.secrets, token, { clientId: named, method }))) {
      const { clientId, method } = await authenticate({ form, headers: request.headers, ip: received.remoteAddress })
      const family = readToken(context.secrets, token, { clientId, method })?.family
      if (family !== undefined) await context.storage.revokeRefreshToken({ family, agent: clientId, delegate: null })
    }
    return new Response(null, { headers: { 'cache-control': 'no-store', 'access-control-allow-origin': '*' } })
  }
}
