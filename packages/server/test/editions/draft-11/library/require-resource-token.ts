import type { Signer } from 'countersign'
import { AgentError } from 'countersign/agent'
import { type HeldToken, parseScope, type TokenNeed } from 'countersign/editions'
import { decodeToken } from 'countersign/tokens'
import { type PersonTokenClaims, type ResourceTokenClaims, tokens } from './tokens.js'

interface AskedWith {
  /** The URL of the request that was refused. */
  url: string
  /** The token that the request was signed with. */
  presented: HeldToken
  signer: Signer
}

/**
 * Returns the access that a resource token requests, provided that the token belongs to this request. It must be from the resource that was
 * called, for the user and the token that were presented, and for this agent's key and person server. The person server verifies its
 * signature.
 *
 * @throws AgentError `resource_token_refused`
 */
export function requireResourceToken(compact: string, { url, presented, signer }: AskedWith): TokenNeed {
  const token = decodeToken(compact)
  const shown = decodeToken(presented.jwt)?.payload as Partial<PersonTokenClaims> | undefined
  if (!token || token.header.typ !== tokens.resource.typ) throw refuse('it is not a resource token')
  const claims = token.payload as Partial<ResourceTokenClaims>
  if (claims.iss !== new URL(url).origin) throw refuse('it is from another resource')
  if (claims.agent_jkt !== signer.thumbprint) throw refuse('it is for another key')
  if (claims.ps !== presented.authServer) throw refuse('it is for another person server')
  if (claims.sub !== shown?.sub) throw refuse('it is for another user')
  if (claims.presented_jti !== shown?.jti) throw refuse('it is for another presented token')
  const scope = parseScope(claims.scope ?? '')
  if (!scope) throw refuse('it has no scope')
  return {
    resource: claims.iss,
    authServer: claims.ps,
    scope: scope.join(' '),
    resourceToken: compact,
    presented,
  }
}

function refuse(why: string): AgentError {
  return new AgentError('resource_token_refused', `The resource token was rejected: ${why}.`)
}
