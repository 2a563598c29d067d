import { findTokenKey } from '../../discovery/discovery.js'
import { AgentError } from '../../lib/agent-error.js'
import { AAuthError } from '../../lib/errors.js'
import { type TokenType, type VerifiedToken, verifyToken } from '../../tokens/verify-token.js'
import type { AgentTools, TokenNeed } from '../agent-protocol.js'
import { requireTokenKey } from '../auth-server-requests.js'
import type { AuthTokenClaims, PersonTokenClaims } from './tokens.js'

type Verifying = Pick<AgentTools, 'discovery' | 'signer' | 'now' | 'allowInsecureLoopback'>

/**
 * Verifies a token that a person server issued to this agent (draft -11 §9.4.4): it must be signed by that server, for the resource and for
 * the agent's key.
 *
 * @param sub the user named in the token that was presented; undefined if none was
 * @throws AgentError `auth_token_refused`; `auth_server_unreachable` if that server does not respond with its keys
 */
export async function verifyIssued<C extends PersonTokenClaims | AuthTokenClaims>(
  { discovery, signer, now, allowInsecureLoopback }: Verifying,
  type: TokenType<C>,
  jwt: unknown,
  { resource, authServer, sub }: Pick<TokenNeed, 'resource' | 'authServer'> & { sub?: string | undefined },
): Promise<VerifiedToken<C>> {
  if (typeof jwt !== 'string') throw refuse('the response contains no token')
  try {
    const verified = await verifyToken(type, jwt, {
      allowInsecureLoopback,
      audience: resource,
      issuers: [authServer],
      now,
      findKey: findTokenKey(discovery, type.issuerDocument, (found) => requireTokenKey(authServer, found)),
    })
    if (verified.confirmationKey?.thumbprint !== signer.thumbprint) throw refuse('it is bound to another key')
    if (sub !== undefined && verified.claims.sub !== sub)
      throw refuse('its sub is not the user in the token that was presented')
    return verified
  } catch (error) {
    if (error instanceof AAuthError) throw new AgentError('auth_token_refused', error.message, { cause: error })
    throw error
  }
}

function refuse(why: string): AgentError {
  return new AgentError('auth_token_refused', `The token was rejected: ${why}.`)
}
