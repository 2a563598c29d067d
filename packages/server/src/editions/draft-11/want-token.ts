import type { NonceClaim } from 'countersign/signatures'
import type { SignedContext } from '../edition.js'
import { forgetLasting, orUncount } from '../require-admitted.js'
import type { ClaimingAction, SigningAgent } from '../signed-request.js'
import { type IssuedToken, tokenLifetime, tokenResponse } from './issue-token.js'
import { openRequest, type WantedToken } from './open-request.js'
import { draft11Name } from './paths.js'
import { acceptsGrant } from './request-details.js'
import type { Draft11Limits } from './resource-limit.js'
import { refusingRevoked } from './revocations.js'

/** Issues the token if the user has already allowed it; otherwise, asks the user (draft -11 §7.1, 7.2). */
export function grantOrAsk(
  context: SignedContext,
  agent: SigningAgent,
  wanted: WantedToken,
  limits: Draft11Limits,
): ClaimingAction<Response> {
  return {
    claiming: (nonce) =>
      orUncount(context, wanted.admission, () =>
        refusingRevoked(context, agent, wanted, async () => {
          const { token, isClaimed } = await issueGranted(context, agent, wanted, nonce)
          if (!token) return openRequest(context, agent, { ...wanted, limits, nonce: isClaimed ? undefined : nonce })
          await forgetLasting(context, wanted.admission)
          return tokenResponse(context, agent, token)
        }),
      ),
  }
}

/** Issues a token under a remembered grant of the user. The nonce is claimed even if there is no such grant. */
async function issueGranted(
  context: SignedContext,
  { agent, delegate, key }: SigningAgent,
  { kind, access, hints, userId, agentToken, notAfter, account, resourceToken }: WantedToken,
  nonce: NonceClaim | undefined,
): Promise<{ token: IssuedToken | undefined; isClaimed: boolean }> {
  if (userId === undefined || !acceptsGrant(hints.prompt)) return { token: undefined, isClaimed: false }
  const { resource, scope } = access
  const outcome = await context.storage.issueRemembered({
    nonce,
    edition: draft11Name,
    userId,
    agent,
    delegate,
    resource,
    account,
    scope: scope.join(' '),
    jkt: key.thumbprint,
    tokenLifetime,
    notAfter,
    agentToken,
    isTracked: true,
  })
  if (outcome.outcome === 'refused') return { token: undefined, isClaimed: true }
  const { issue, user } = outcome
  return {
    token: { kind, resource, issue, user, account: account ?? null, asked: resourceToken?.scope },
    isClaimed: true,
  }
}
