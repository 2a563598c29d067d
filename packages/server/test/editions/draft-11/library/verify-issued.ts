import { AAuthError } from 'countersign'
import { AgentError } from 'countersign/agent'
import { type Found, findTokenKey } from 'countersign/discovery'
import type { AgentTools, TokenNeed } from 'countersign/editions'
import type { VerificationKey } from 'countersign/signatures'
import { type TokenType, type VerifiedToken, verifyToken } from 'countersign/tokens'
import type { AuthTokenClaims, PersonTokenClaims } from './tokens.js'

/**
 * Verifies a token that a person server issued to this agent: it must be from that server, for the resource, and for the agent's key.
 *
 * @throws AgentError `auth_token_refused`
 */
export async function verifyIssued<C extends PersonTokenClaims | AuthTokenClaims>(
  tools: AgentTools,
  type: TokenType<C>,
  jwt: string,
  { resource, authServer }: Pick<TokenNeed, 'resource' | 'authServer'>,
): Promise<VerifiedToken<C>> {
  const { discovery, signer, now, allowInsecureLoopback = false, allowPath = false } = tools
  try {
    const verified = await verifyToken(type, jwt, {
      allowInsecureLoopback,
      allowPath,
      audience: resource,
      issuers: [authServer],
      now,
      findKey: findTokenKey(discovery, type.issuerDocument, requireKey),
    })
    if (verified.confirmationKey?.thumbprint !== signer.thumbprint) throw refuse('it is for another key')
    return verified
  } catch (error) {
    if (error instanceof AAuthError) throw new AgentError('auth_token_refused', error.message, { cause: error })
    throw error
  }
}

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  throw new AgentError('auth_token_refused', 'The key of the token was not found.', { cause: found.failure })
}

function refuse(why: string): AgentError {
  return new AgentError('auth_token_refused', `The token was rejected: ${why}.`)
}
