import type { AutonomousIssue, TokenIssue, UsedGrant } from '../api/grant-storage.js'
import { writeEvent } from '../rows/audit.js'
import { firstEnd } from '../rows/granted-scopes.js'
import { internAgent, internResource } from '../rows/identifiers.js'
import { auditDelegate } from '../rows/requests.js'
import type { Unit } from '../sql/engine.js'
import { randomPart } from '../sql/generate-id.js'
import { keptInsertion } from '../sql/kept-query.js'
import type { NewRow } from '../sql/tables.js'
import { requireUnblocked } from './agents.js'

/** The issue of a token for some permissions of a grant, never beyond the first end among them (W14). */
export function generateTokenIssue(grant: UsedGrant, scope: string, tokenLifetime: number, now: number): TokenIssue {
  const end = firstEnd(grant.permissions, scope)
  return {
    jti: generateJti(grant.id),
    scope,
    issuedAt: now,
    expiresAt: Math.min(now + tokenLifetime, end ?? Number.POSITIVE_INFINITY),
  }
}

/** `<grant id or policy name>.<random>` */
function generateJti(under: string): string {
  return `${under}.${randomPart().toString('base64url')}`
}

/** What an issue was for: a code under a grant, or a policy. */
type Origin =
  | Pick<NewRow<'token_issue'>, 'grant_id' | 'request_id'>
  | Pick<NewRow<'token_issue'>, 'policy' | 'agent_id' | 'delegate' | 'resource_id'>

/** Records a token, under the request and grant or the policy that it was issued for. */
export async function storeIssue(unit: Unit, issue: TokenIssue, origin: Origin): Promise<void> {
  const { jti, issuedAt: issued_at, expiresAt: expires_at, scope } = issue
  const jti_end = Buffer.from(jti.slice(jti.lastIndexOf('.') + 1), 'base64url')
  await issueInsertion(unit, [{ jti_end, issued_at, expires_at, scope, ...noOrigin, ...origin }])
}

const noOrigin = {
  grant_id: null,
  request_id: null,
  policy: null,
  agent_id: null,
  delegate: null,
  resource_id: null,
} as const

const issueInsertion = keptInsertion('token_issue')

/** Implements {@link GrantStorage.recordAutonomousIssue}. @throws StorageError `agent_blocked` */
export async function recordAutonomousIssue(unit: Unit, issue: AutonomousIssue): Promise<TokenIssue> {
  const { agent, delegate, resource, scope, policy } = issue
  await requireUnblocked(unit, agent)
  const agentId = await internAgent(unit, agent)
  const resourceId = await internResource(unit, resource)
  const { now } = unit
  const issued = { jti: generateJti(policy), scope, issuedAt: now, expiresAt: now + issue.tokenLifetime }
  await storeIssue(unit, issued, { policy, agent_id: agentId, delegate, resource_id: resourceId })
  await writeEvent(unit, {
    event: 'token.issued_by_policy',
    agentId,
    resourceId,
    data: { scope, policy, jti: issued.jti, ...auditDelegate(issue) },
  })
  return issued
}
