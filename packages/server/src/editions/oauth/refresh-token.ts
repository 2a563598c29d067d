import type { ServerContext } from '../../http/context.js'
import type { MintedSecrets, TokenGeneration } from '../../secrets/server-keys.js'
import type { AuthenticatedClient } from './client-authentication.js'
import { hashOAuthSecret } from './consent-transport.js'
import { oauthName } from './names.js'

/** The client to which a refresh token is issued, and how it authenticated for its code. It must authenticate likewise for each refresh. */
type TokenHolder = Pick<AuthenticatedClient, 'clientId' | 'method'>

/** The name under which the refresh tokens of a client are derived. */
function familyName({ clientId, method }: TokenHolder): string {
  return `${oauthName} ${method} ${clientId}`
}

/** Reads a refresh token; undefined if this server did not issue it to this client. */
export function readToken(secrets: MintedSecrets, token: string, holder: TokenHolder): TokenGeneration | undefined {
  return secrets.readRefreshToken(familyName(holder), token)
}

/** Derives the refresh token of a generation for a client. */
export function refreshTokenOf({ secrets }: ServerContext, holder: TokenHolder, generation: TokenGeneration): string {
  return secrets.refreshTokenOf(familyName(holder), generation)
}

/** The hash under which the refresh token of a generation is found. */
export function refreshHash(context: ServerContext, holder: TokenHolder, generation: TokenGeneration): string {
  return hashOAuthSecret('refresh', refreshTokenOf(context, holder, generation))
}
