import { AAuthError, type ErrorCode, issueToken } from 'countersign'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import { requireParameter } from '../read-form.js'
import type { RedeemOutcome } from '../storage/storage.js'
import type { SigningAgent } from './token-endpoint.js'

/** What the wire says of a code that was not redeemed: always `invalid_grant`. */
const refusals: Readonly<Record<Extract<RedeemOutcome, { outcome: 'refused' }>['reason'], ErrorCode>> = {
  unknown: 'code_unknown',
  expired: 'code_expired',
  used: 'code_used',
  foreign_agent: 'code_foreign',
  foreign_delegate: 'code_foreign',
  redirect_mismatch: 'code_injected',
  injected: 'code_injected',
  grant_ended: 'grant_ended',
  user_disabled: 'grant_ended',
}

/** `request_type=code`: the code becomes an auth token bound to the key that signed (S§9.6). The code is consumed before anything is signed. */
export async function exchangeCode(
  context: ServerContext,
  { agent, delegate, key }: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<{ auth_token: string; expires_in: number; token_type: 'Bearer' }> {
  const requestToken = form.get('request_token')
  const outcome = await context.storage.redeemCode({
    codeHash: hashSecret(requireParameter(form, 'code')),
    agent,
    delegate,
    jkt: key.thumbprint,
    redirectUri: form.get('redirect_uri'),
    requestTokenHash: requestToken === undefined ? undefined : hashSecret(requestToken),
    tokenLifetime: context.lifetimes.authToken,
  })
  if (outcome.outcome === 'refused')
    throw new AAuthError(refusals[outcome.reason], `The code was not redeemed: ${outcome.reason}.`)
  const { grant, user, issue } = outcome
  const authToken = await issueToken(
    'auth+jwt',
    {
      iss: context.issuer,
      aud: grant.resource,
      cnf: { jwk: key.jwk },
      scope: grant.scope,
      exp: issue.expiresAt,
      agent,
      ...(delegate === null ? {} : { agent_delegate: delegate }),
      sub: user.sub,
      iat: issue.issuedAt,
      jti: issue.jti,
    },
    { signer: await context.keys.signer() },
  )
  return { auth_token: authToken, expires_in: issue.expiresAt - issue.issuedAt, token_type: 'Bearer' }
}
