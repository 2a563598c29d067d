import { AAuthError, type ErrorCode } from 'countersign'
import { parseScope, requireParameter } from 'countersign/editions'
import type { ServerContext } from '../../http/context.js'
import { hashSecret } from '../../secrets/minted-secrets.js'
import type { ReasonOf, RefreshOutcome } from '../../storage/api/storage.js'
import type { ClaimingAnswer, SigningAgent } from '../signed-request.js'
import { type AuthTokenAnswer, issueAuthToken } from './code.js'

const refusals: Readonly<Record<ReasonOf<RefreshOutcome>, ErrorCode>> = {
  unknown: 'refresh_token_refused',
  foreign_agent: 'refresh_token_refused',
  foreign_delegate: 'refresh_token_refused',
  revoked: 'refresh_token_refused',
  expired: 'refresh_token_refused',
  idle: 'refresh_token_refused',
  user_disabled: 'grant_ended',
  grant_ended: 'grant_ended',
  agent_blocked: 'agent_blocked',
  scope_exceeded: 'scope_invalid',
}

/**
 * `request_type=refresh`: a new auth token under a permission that lasts, for whatever key signs now (S§9.7, W14); with
 * `scope` for no more than that (RFC 6749 §6).
 */
export function refreshToken(
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): ClaimingAnswer<AuthTokenAnswer> {
  const scope = form.get('scope')
  if (scope !== undefined && !parseScope(scope))
    throw new AAuthError('scope_invalid', 'The scope is not a list of at most 64 values.')
  const tokenHash = hashSecret(requireParameter(form, 'refresh_token'))
  return {
    async claiming(nonce) {
      const outcome = await context.storage.refreshGrant({
        nonce,
        tokenHash,
        agent: agent.agent,
        delegate: agent.delegate,
        jkt: agent.key.thumbprint,
        tokenLifetime: context.lifetimes.authToken,
        scope,
      })
      if (outcome.outcome === 'refused') throw refusal(outcome.reason)
      const { grant, issue, user } = outcome
      return issueAuthToken(context, { agent, resource: grant.resource, issue, user })
    },
  }
}

function refusal(reason: ReasonOf<RefreshOutcome>): AAuthError {
  return reason === 'scope_exceeded'
    ? new AAuthError('scope_invalid', 'The scope is more than the refresh token is for: leave some of it out.')
    : new AAuthError(refusals[reason], `The refresh token gives nothing: ${reason}.`)
}
