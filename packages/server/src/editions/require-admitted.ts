import { AAuthError } from 'countersign'
import type { ServerContext } from '../http/context.js'
import { grantable } from '../policy/permissions.js'
import { denialOf, type PolicyDecision } from '../policy/policy.js'
import { type CountedAccess, countRequest, requireLastingRate } from './rates.js'
import type { SigningAgent } from './signed-request.js'

/** What an agent asks for, verified. */
export interface AccessAsked {
  resource: string
  scope: readonly string[]
}

export interface Admission extends CountedAccess {
  /** The policy under which the agent acts for itself; undefined: a person is asked. */
  policy: string | undefined
}

/**
 * Lets an agent ask for access, unless it is blocked, asks too often, for nothing, or for what a rule denies.
 *
 * @throws AAuthError `scope_invalid`, `agent_blocked`, `too_many_requests`, `policy_denied`
 */
export async function requireAdmitted(
  context: ServerContext,
  agent: SigningAgent,
  access: AccessAsked,
): Promise<Admission> {
  requireGrantable(access)
  const { agent: id, delegate } = agent
  const decision = context.policy({ agent: id, delegate, ...access })
  const counted = await countRequest(context, agent, { lasts: decision === 'ask' })
  return { policy: policyGrant(context, agent, { access, decision }), ...counted }
}

function requireGrantable({ scope }: AccessAsked): void {
  if (grantable(scope).length === 0) {
    throw new AAuthError('scope_invalid', 'Without openid, profile and email give nothing: ask for openid too.')
  }
}

function policyGrant(
  context: ServerContext,
  { agent, delegate }: SigningAgent,
  { access, decision }: { access: AccessAsked; decision: PolicyDecision },
): string | undefined {
  const denial = denialOf(decision)
  const granted = decision !== 'ask' && 'grant' in decision ? decision.grant : undefined
  context.tell?.({
    kind: 'decision',
    by: 'policy',
    outcome: denial ? 'denied' : granted === undefined ? 'asked' : 'allowed',
    agent,
    delegate: delegate ?? undefined,
    resource: access.resource,
    scope: access.scope.join(' '),
    rule: denial?.rule ?? granted,
  })
  if (denial) throw denial
  return granted
}

/** How many open requests an agent may have that nobody has allowed anything yet (attacks A13). */
const unknownAgentOpenRequests = 20

/**
 * How many requests of the agent may be open, where it may have one more stored.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireRoom(
  context: ServerContext,
  agent: SigningAgent,
  admission: Pick<Admission, 'hasBeenAllowed' | 'lasting'>,
): Promise<number> {
  await requireLastingRate(context, agent, admission)
  const { maxOpenRequests } = context
  return admission.hasBeenAllowed ? maxOpenRequests : Math.min(maxOpenRequests, unknownAgentOpenRequests)
}
