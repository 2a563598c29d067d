import { AAuthError, type ErrorCode } from 'countersign'
import { type AuthTokenClaims, type Call, january, parseScope, requireParameter } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { hashSecret } from '../../secrets/server-keys.js'
import type { ReasonOf, RedeemOutcome, RefreshOutcome } from '../../storage/api/storage.js'
import type { SignedContext } from '../edition.js'
import { type ClaimingAction, requireFreshKeys, type SigningAgent } from '../signed-request.js'
import { contentOf, type TokenSubject } from '../token-content.js'

/** The wire error for a code that was not redeemed: always `invalid_grant`. */
const codeRefusals: Readonly<Record<ReasonOf<RedeemOutcome>, ErrorCode>> = {
  unknown: 'code_unknown',
  expired: 'code_expired',
  used: 'code_used',
  foreign_agent: 'code_foreign',
  foreign_delegate: 'code_foreign',
  foreign_key: 'code_foreign',
  redirect_mismatch: 'code_injected',
  other_resource: 'code_injected',
  injected: 'code_injected',
  grant_ended: 'grant_ended',
  user_disabled: 'grant_ended',
}

/**
 * `request_type=code`: exchanges the code for an auth token bound to the signing key (S§9.6), and a refresh token if the grant outlives the
 * auth token (W14). The code is consumed before anything is signed.
 */
export function exchangeCode(
  context: SignedContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): ClaimingAction<AuthTokenResponse & { refresh_token?: string }> {
  requireFreshKeys(agent)
  const code = requireParameter(form, 'code')
  // Other editions prefix the code with a line that contains their name before hashing: a code with a line break could collide with one.
  if (code.includes('\n')) throw new AAuthError('code_unknown', 'The code was not redeemed: unknown.')
  const codeHash = hashSecret(code)
  const requestToken = form.get('request_token')
  return {
    async claiming(nonce) {
      const refreshToken = context.secrets.random('aart_')
      const outcome = await context.storage.redeemCode({
        nonce,
        codeHash,
        agent: agent.agent,
        delegate: agent.delegate,
        jkt: agent.key.thumbprint,
        bindToKey: context.bindCodeToKey,
        redirectUri: form.get('redirect_uri'),
        requestTokenHash: requestToken === undefined ? undefined : hashSecret(requestToken),
        tokenLifetime: context.lifetimes.authToken,
        notAfter: agent.device?.expiresAt ?? undefined,
        refresh: {
          tokenHash: hashSecret(refreshToken),
          idleSeconds: context.lifetimes.refreshIdle,
          lifetime: context.lifetimes.refresh,
        },
      })
      if (outcome.outcome === 'refused') {
        throw new AAuthError(codeRefusals[outcome.reason], `The code was not redeemed: ${outcome.reason}.`)
      }
      const { grant, user, issue } = outcome
      const { resource, call } = grant
      const answer = await issueAuthToken(context, { agent, resource, issue, user, call: call ?? undefined })
      return outcome.refreshIssued ? Object.assign(answer, { refresh_token: refreshToken }) : answer
    },
  }
}

/** What an auth token is issued for, and the agent whose key it is bound to. */
type BoundSubject = TokenSubject & { agent: SigningAgent; call?: Call | undefined }

/** The members of every response with an auth token (W15). */
export interface AuthTokenResponse {
  auth_token: string
  expires_in: number
  token_type: 'Bearer'
  /** How this agent knows the user, whatever the resource; absent if no user allowed the access (W38). */
  agent_sub?: string
}

/**
 * Signs an auth token bound to the key that signed the request (S§7.3, 7.4). `agent` is omitted if the agent is the resource (S§3.5).
 *
 * @throws AAuthError `policy_denied`
 */
export async function issueAuthToken(context: SignedContext, subject: BoundSubject): Promise<AuthTokenResponse> {
  const { agent, resource, issue, user, call } = subject
  const { scope, identity } = contentOf(context, subject)
  context.knownCallers.noteAgent(agent)
  const claims: AuthTokenClaims = {
    iss: context.issuer,
    aud: resource,
    cnf: { jwk: agent.key.jwk },
    ...(scope.length > 0 ? { scope: scope.join(' ') } : {}),
    exp: issue.expiresAt,
    ...(agent.agent === resource ? {} : { agent: agent.agent }),
    ...(agent.delegate === null ? {} : { agent_delegate: agent.delegate }),
    ...(user ? { sub: issue.sub, ...identity } : {}),
    ...(call ? { call } : {}),
    iat: issue.issuedAt,
    jti: issue.jti,
  }
  const authToken = await issueToken(january.tokens.auth, claims, { signer: await context.keys.signer() })
  const response = {
    auth_token: authToken,
    expires_in: issue.expiresAt - issue.issuedAt,
    token_type: 'Bearer',
  } as const
  return issue.agentSub === undefined ? response : { ...response, agent_sub: issue.agentSub }
}

const refreshRefusals: Readonly<Record<ReasonOf<RefreshOutcome>, ErrorCode>> = {
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
 * `request_type=refresh`: issues a new auth token under a live grant, bound to whichever key signs now (S§9.7, W14). `scope` can narrow it
 * (RFC 6749 §6).
 */
export function refreshToken(
  context: SignedContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): ClaimingAction<AuthTokenResponse> {
  const scope = form.get('scope')
  if (scope !== undefined && !parseScope(scope))
    throw new AAuthError(
      'scope_invalid',
      'The scope must be 1 to 64 values of up to 128 characters each, separated by single spaces (RFC 6749 §3.3).',
    )
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
        notAfter: agent.device?.expiresAt ?? undefined,
        scope,
      })
      if (outcome.outcome === 'refused') throw refreshRefusal(outcome.reason)
      const { grant, issue, user } = outcome
      return issueAuthToken(context, { agent, resource: grant.resource, issue, user })
    },
  }
}

function refreshRefusal(reason: ReasonOf<RefreshOutcome>): AAuthError {
  return reason === 'scope_exceeded'
    ? new AAuthError(
        'scope_invalid',
        'The requested scope exceeds the refresh token’s scope: request fewer permissions.',
      )
    : new AAuthError(refreshRefusals[reason], `The refresh token was not accepted: ${reason}.`)
}
