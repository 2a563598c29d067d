import { AgentError } from 'countersign/agent'
import { endpointProblem } from 'countersign/discovery'
import { type AgentTools, type HeldToken, parseScope, type TokenNeed } from 'countersign/editions'
import { decodeToken } from 'countersign/tokens'
import { type Asking, awaitDecision } from './await-decision.js'
import { documents, type PersonDocument } from './documents.js'
import { type AuthTokenClaims, type PersonTokenClaims, tokens } from './tokens.js'
import { verifyIssued } from './verify-issued.js'

/**
 * Obtains a person token for a resource or, with a resource token and the token that was presented to the resource, an auth token. Prompts
 * the user if a decision is required.
 */
export async function obtainToken(tools: AgentTools, need: TokenNeed, asking: Asking): Promise<HeldToken> {
  const document = await findPersonServer(tools, need.authServer)
  const { resourceToken, presented } = need
  const asked =
    resourceToken === undefined || presented === undefined
      ? ({ type: tokens.person, at: document.person_token_endpoint, with: { resource: need.resource } } as const)
      : ({
          type: tokens.auth,
          at: document.auth_token_endpoint,
          with: { resource_token: resourceToken, presented_token: presented.jwt },
        } as const)
  const request = new Request(asked.at, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...asked.with, capabilities: ['interaction'] }),
    signal: asking.signal,
    redirect: 'manual',
  })
  const answer = await awaitDecision(tools, request, { need, ...asking })
  const jwt = asked.type === tokens.person ? answer.person_token : answer.auth_token
  if (typeof jwt !== 'string')
    throw new AgentError('token_request_failed', 'The person server’s response has no token.')
  const claims = await claimsOf(tools, jwt, need)
  if (presented !== undefined && decodeToken(presented.jwt)?.payload.sub !== claims.sub)
    throw new AgentError('auth_token_refused', 'The token was rejected: it is for another user.')
  return {
    jwt,
    resource: need.resource,
    scope: ('scope' in claims && parseScope(claims.scope ?? '')) || [],
    expiresAt: claims.exp,
    refreshAt: claims.exp,
    authServer: need.authServer,
    refreshToken: undefined,
  }
}

async function claimsOf(tools: AgentTools, jwt: string, need: TokenNeed): Promise<PersonTokenClaims | AuthTokenClaims> {
  const { claims } =
    need.resourceToken === undefined
      ? await verifyIssued(tools, tokens.person, jwt, need)
      : await verifyIssued(tools, tokens.auth, jwt, need)
  return claims
}

async function findPersonServer(
  { discovery, endpointOrigins }: AgentTools,
  authServer: string,
): Promise<PersonDocument> {
  const outcome = await discovery.findMetadata(documents.authServer, authServer)
  if ('failure' in outcome) {
    const message = `The document of ${authServer} was not found: ${outcome.failure.message}.`
    throw new AgentError('auth_server_unknown', message, { cause: outcome.failure })
  }
  for (const member of ['person_token_endpoint', 'auth_token_endpoint'] as const) {
    const problem = endpointProblem(authServer, member, outcome.found[member], endpointOrigins)
    if (problem !== undefined)
      throw new AgentError('endpoint_refused', `The document of ${authServer} was rejected: ${problem}.`)
  }
  return outcome.found
}
