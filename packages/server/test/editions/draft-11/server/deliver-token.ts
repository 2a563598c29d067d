import { AAuthError, type ErrorCode } from 'countersign'
import { issueToken, publishedJwk } from 'countersign/tokens'
import {
  type AuthRequest,
  contentOf,
  hashSecret,
  type RedeemOutcome,
  type SignedContext,
  type SigningAgent,
} from 'countersign-server/edition'
import { documents } from '../library/documents.js'
import { joseNames } from '../library/jose-names.js'
import { tokens } from '../library/tokens.js'
import type { Asked } from './ticket.js'

type Redeemed = Extract<RedeemOutcome, { outcome: 'redeemed' }>
type Reason = Extract<RedeemOutcome, { outcome: 'refused' }>['reason']

/** Error codes for the agent if no token can be issued, other than `consent_ended`. */
const refusals: Readonly<Partial<Record<Reason, ErrorCode>>> = {
  grant_ended: 'grant_ended',
  user_disabled: 'grant_ended',
}

/** Issues the allowed token, once, to the agent and key that requested it. */
export async function deliverToken(
  context: SignedContext,
  agent: SigningAgent,
  { request, asked }: { request: AuthRequest; asked: Asked },
): Promise<Response> {
  if (asked.userId !== undefined && request.userId !== asked.userId)
    throw new AAuthError('consent_denied', 'The user who decided is not the one that the agent acts for.')
  const outcome = await context.storage.redeemCode({
    codeHash: hashSecret(context.secrets.codeOf(request.id)),
    agent: agent.agent,
    delegate: agent.delegate,
    jkt: agent.key.thumbprint,
    bindToKey: true,
    tokenLifetime: Math.max(1, asked.until - context.now()),
  })
  if (outcome.outcome === 'refused')
    throw new AAuthError(
      refusals[outcome.reason] ?? 'consent_ended',
      `The token is no longer available: ${outcome.reason}.`,
    )
  const { issue } = outcome
  const token = await issueFor(context, agent, { asked, outcome })
  const answer = { [`${asked.token}_token`]: token, expires_in: issue.expiresAt - issue.issuedAt }
  return new Response(JSON.stringify(answer), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}

async function issueFor(
  context: SignedContext,
  agent: SigningAgent,
  { asked, outcome: { grant, issue, user } }: { asked: Asked; outcome: Redeemed },
): Promise<string> {
  const { issuer, keys } = context
  const { resource } = grant
  const { scope, identity } = contentOf(context, { agent, resource, issue, user })
  const claims = {
    iss: issuer,
    dwk: documents.authServer.name,
    aud: resource,
    sub: issue.sub,
    cnf: { jwk: publishedJwk(agent.key.jwk, joseNames) },
    iat: issue.issuedAt,
    exp: issue.expiresAt,
    jti: issue.jti,
  }
  const signer = await keys.signer()
  if (asked.token === 'person') return issueToken(tokens.person, claims, { signer })
  const scoped = scope.length > 0 ? { scope: scope.join(' ') } : {}
  return issueToken(tokens.auth, { ...claims, ...identity, ...scoped, ps: issuer }, { signer })
}
