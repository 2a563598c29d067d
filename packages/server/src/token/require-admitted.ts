import { AAuthError } from 'countersign'
import type { ServerContext } from '../context.js'
import { grantable } from '../policy/permissions.js'
import { agentBlocked, denialOf } from '../policy/policy.js'
import { requireRate } from './rates.js'
import type { SigningAgent } from './signed-request.js'

/** What an agent asks for, verified. */
export interface AccessAsked {
  resource: string
  scope: readonly string[]
}

export interface Admission {
  /** The policy under which the agent acts for itself; undefined: a person is asked. */
  policy: string | undefined
  /** Whether anybody ever allowed the agent something. */
  hasBeenAllowed: boolean
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
  const { isBlocked, hasBeenAllowed } = await context.storage.findStanding(agent.agent)
  if (isBlocked) throw agentBlocked()
  await requireRate(context, agent)
  return { policy: policyGrant(context, agent, access), hasBeenAllowed }
}

function requireGrantable({ scope }: AccessAsked): void {
  if (grantable(scope).length === 0) {
    throw new AAuthError('scope_invalid', 'Without openid, profile and email give nothing: ask for openid too.')
  }
}

function policyGrant(
  context: ServerContext,
  { agent, delegate }: SigningAgent,
  access: AccessAsked,
): string | undefined {
  const decision = context.policy({ agent, delegate, ...access })
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
