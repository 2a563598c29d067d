import type { Signer } from 'countersign'
import { AgentError } from 'countersign/agent'
import { type HeldToken, parseScope, type TokenNeed } from 'countersign/editions'
import { decodeToken } from 'countersign/tokens'
import { type PersonTokenClaims, type ResourceTokenClaims, tokens } from './tokens.js'

interface AskedWith {
  /** Of the request that was refused. */
  url: string
  /** The token that it was signed with. */
  presented: HeldToken
  signer: Signer
}

/**
 * What a resource token asks for, where it is about this very request: from the resource that was called, for the person
 * and the token that were shown, and for this agent's key and person server. Its signature is verified by that server.
 *
 * @throws AgentError `resource_token_refused`
 */
export function requireResourceToken(compact: string, { url, presented, signer }: AskedWith): TokenNeed {
  const token = decodeToken(compact)
  const shown = decodeToken(presented.jwt)?.payload as Partial<PersonTokenClaims> | undefined
  if (!token || token.header.typ !== tokens.resource.typ) throw refuse('it is none')
  const claims = token.payload as Partial<ResourceTokenClaims>
  if (claims.iss !== new URL(url).origin) throw refuse('it is from another resource')
  if (claims.agent_jkt !== signer.thumbprint) throw refuse('it is for another key')
  if (claims.ps !== presented.authServer) throw refuse('it is for another person server')
  if (claims.sub !== shown?.sub) throw refuse('it is about another person')
  if (claims.presented_jti !== shown?.jti) throw refuse('it is about another token')
  const scope = parseScope(claims.scope ?? '')
  if (!scope) throw refuse('it asks for nothing')
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
