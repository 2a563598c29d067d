import { requireUnblocked } from '../agents/agents.js'
import { writeEvent } from '../audit/audit.js'
import type { Unit } from '../engines/unit.js'
import { generateJti } from './generate-token-issue.js'
import type { AutonomousIssue, TokenIssue } from './grant-storage.js'

export async function recordAutonomousIssue(unit: Unit, issue: AutonomousIssue): Promise<TokenIssue> {
  const { db, tenant, now } = unit
  const { agent, delegate, resource, scope, policy } = issue
  await requireUnblocked(unit, agent)
  const issued = { jti: generateJti(policy), scope, issuedAt: now, expiresAt: now + issue.tokenLifetime }
  await db
    .insertInto('token_issue')
    .values({
      tenant_id: tenant,
      jti: issued.jti,
      issued_at: issued.issuedAt,
      expires_at: issued.expiresAt,
      grant_id: null,
      policy,
      agent,
      delegate,
      resource,
      scope,
      code_hash: null,
    })
    .execute()
  await writeEvent(unit, {
    event: 'token.issued_by_policy',
    agent,
    resource,
    data: { delegate, scope, policy, jti: issued.jti },
  })
  return issued
}
