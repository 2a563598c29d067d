import { AAuthError, type ErrorCode, requireParameter } from 'countersign'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import type { RefreshOutcome } from '../storage/storage.js'
import { type AuthTokenAnswer, issueAuthToken } from './issue-auth-token.js'
import type { SigningAgent } from './signed-form-endpoint.js'

const refusals: Readonly<Record<Extract<RefreshOutcome, { outcome: 'refused' }>['reason'], ErrorCode>> = {
  unknown: 'refresh_token_refused',
  foreign_agent: 'refresh_token_refused',
  foreign_delegate: 'refresh_token_refused',
  revoked: 'refresh_token_refused',
  expired: 'refresh_token_refused',
  idle: 'refresh_token_refused',
  user_disabled: 'grant_ended',
  grant_ended: 'grant_ended',
  agent_blocked: 'policy_denied',
}

/** `request_type=refresh`: a new auth token under a permission that lasts, for whatever key signs now (S§9.7, W14). */
export async function refreshToken(
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<AuthTokenAnswer> {
  const outcome = await context.storage.refreshGrant({
    tokenHash: hashSecret(requireParameter(form, 'refresh_token')),
    agent: agent.agent,
    delegate: agent.delegate,
    jkt: agent.key.thumbprint,
    tokenLifetime: context.lifetimes.authToken,
  })
  if (outcome.outcome === 'refused') {
    throw new AAuthError(refusals[outcome.reason], `The refresh token gives nothing: ${outcome.reason}.`)
  }
  return issueAuthToken(context, { agent, resource: outcome.grant.resource, issue: outcome.issue, user: outcome.user })
}
