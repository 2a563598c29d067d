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

/**
 * Lets an agent ask for access, unless it is blocked, asks too often, for nothing, or for what a rule denies.
 *
 * @returns the policy under which the agent acts for itself; undefined: a person is asked
 * @throws AAuthError `scope_invalid`, `agent_blocked`, `too_many_requests`, `policy_denied`
 */
export async function requireAdmitted(
  context: ServerContext,
  agent: SigningAgent,
  access: AccessAsked,
): Promise<string | undefined> {
  requireGrantable(access)
  await requireUnblocked(context, agent)
  await requireRate(context, agent)
  return policyGrant(context, agent, access)
}

function requireGrantable({ scope }: AccessAsked): void {
  if (grantable(scope).length === 0) {
    throw new AAuthError('scope_invalid', 'Without openid, profile and email give nothing: ask for openid too.')
  }
}

async function requireUnblocked({ storage }: ServerContext, { agent }: SigningAgent): Promise<void> {
  if (await storage.isAgentBlocked(agent)) throw agentBlocked()
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
