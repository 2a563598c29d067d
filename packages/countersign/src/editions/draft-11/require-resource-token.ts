import { findTokenKey } from '../../discovery/discovery.js'
import type { Found } from '../../discovery/fetch-document.js'
import { AgentError } from '../../lib/agent-error.js'
import { AAuthError } from '../../lib/errors.js'
import type { VerificationKey } from '../../lib/jwk.js'
import { parseScope } from '../../protocol/parameters.js'
import { decodeToken, verifyToken } from '../../tokens/verify-token.js'
import type { AgentTools, HeldToken, TokenNeed } from '../agent-protocol.js'
import { personServerOf } from './agent-tokens.js'
import { draft11Documents } from './documents.js'
import { authKind } from './token-kinds.js'
import { draft11Tokens, type ResourceTokenClaims } from './tokens.js'

/** The request that the challenge refused. */
interface Refused {
  url: string
  /** The token with which the request was signed. */
  presented: HeldToken
}

/**
 * Returns the access that a challenge requires, if its resource token belongs to the refused request (draft -11 §6.7.3): it must be from
 * the resource that was called, for the user and the token that were presented, and for this agent's key and person server. The signature
 * is checked by {@link verifyResourceToken}.
 *
 * @throws AgentError `resource_token_refused`
 */
export function requireResourceToken(
  tools: Pick<AgentTools, 'authServers' | 'signer'>,
  compact: string,
  { url, presented }: Refused,
): TokenNeed {
  const token = decodeToken(compact)
  if (token?.header.typ !== draft11Tokens.resource.typ)
    throw refuse(`it is not a token of type ${draft11Tokens.resource.typ}`)
  const claims = token.payload as Partial<ResourceTokenClaims>
  const shown = decodeToken(presented.jwt)?.payload
  const ps = personServerOf(tools)
  if (claims.iss !== new URL(url).origin) throw refuse('its iss is not the resource that was called')
  if (ps === undefined || claims.ps !== ps) throw refuse('its ps is not this agent’s person server')
  if (claims.agent_jkt !== tools.signer.thumbprint) throw refuse('its agent_jkt is not this agent’s key')
  if (claims.sub === undefined || claims.sub !== shown?.sub)
    throw refuse('its sub is not the user in the token that was presented')
  if (claims.presented_jti === undefined || claims.presented_jti !== shown.jti)
    throw refuse('its presented_jti is not the token that was presented')
  const scope = typeof claims.scope === 'string' ? parseScope(claims.scope) : undefined
  if (!scope) throw refuse('it has no valid scope')
  return {
    resource: claims.iss,
    authServer: ps,
    scope: scope.join(' '),
    kind: authKind(claims.account),
    resourceToken: compact,
    presented,
  }
}

/**
 * Verifies the signature, audience and expiry of a resource token with the keys that the resource publishes.
 *
 * @throws AgentError `resource_token_refused`
 */
export async function verifyResourceToken(
  { discovery, now, allowInsecureLoopback }: Pick<AgentTools, 'discovery' | 'now' | 'allowInsecureLoopback'>,
  compact: string,
  { resource, authServer }: Pick<TokenNeed, 'resource' | 'authServer'>,
): Promise<ResourceTokenClaims> {
  try {
    const { claims } = await verifyToken(draft11Tokens.resource, compact, {
      allowInsecureLoopback,
      audience: authServer,
      issuers: [resource],
      now,
      findKey: findTokenKey(discovery, draft11Documents.resource, requireKey),
    })
    return claims
  } catch (error) {
    if (error instanceof AAuthError) throw new AgentError('resource_token_refused', error.message, { cause: error })
    throw error
  }
}

function requireKey(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  const { failure } = found
  throw new AgentError(
    'resource_token_refused',
    `The resource token was rejected: the resource’s key was not found (${failure.message}).`,
    { cause: failure },
  )
}

function refuse(why: string): AgentError {
  return new AgentError('resource_token_refused', `The resource token was rejected: ${why}.`)
}
