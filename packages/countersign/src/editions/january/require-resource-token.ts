import { AgentError } from '../../lib/agent-error.js'
import { isUnder } from '../../protocol/identifier.js'
import { decodeToken } from '../../tokens/decode-token.js'
import { januaryTokens } from './tokens.js'

/** What the resource token must say (W21). */
export interface ExpectedResourceToken {
  url: string
  authServer: string
  agent: string
  thumbprint: string
}

/**
 * Checks that a resource token is about this request before it is sent on: else a resource could make the agent ask for
 * another resource's access. The signature is for the auth server to verify.
 *
 * @throws AgentError `resource_token_refused`
 */
export function requireResourceToken(
  compact: string,
  expected: ExpectedResourceToken,
): { resource: string; scope: string | undefined } {
  const refuse = (why: string) => new AgentError('resource_token_refused', `The resource token is refused: ${why}.`)
  const token = decodeToken(compact)
  const { typ } = januaryTokens.resource
  if (token?.header.typ !== typ) throw refuse(`it is not a ${typ}`)
  const { iss, aud, agent, agent_jkt: thumbprint, scope } = token.payload
  if (typeof iss !== 'string' || !isUnder(expected.url, iss)) throw refuse('its iss is not the resource asked')
  if (aud !== expected.authServer) throw refuse('its aud is not the auth_server named')
  if (agent !== expected.agent) throw refuse('its agent is not this agent')
  if (thumbprint !== expected.thumbprint) throw refuse('its agent_jkt is not this agent’s key')
  return { resource: iss, scope: typeof scope === 'string' ? scope : undefined }
}
