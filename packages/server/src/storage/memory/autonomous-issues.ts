import { generateJti } from '../generate-token-issue.js'
import type { AutonomousIssue, TokenIssue } from '../grant-storage.js'
import { requireUnblocked } from './agents.js'
import { writeEvent } from './audit.js'
import type { MemoryUnit } from './tables.js'

export function recordAutonomousIssue(unit: MemoryUnit, issue: AutonomousIssue): TokenIssue {
  const { tables, now } = unit
  const { agent, delegate, resource, scope, policy } = issue
  requireUnblocked(unit, agent)
  const issued = { jti: generateJti(policy), scope, issuedAt: now, expiresAt: now + issue.tokenLifetime }
  tables.issues.push({ ...issued, codeHash: null })
  writeEvent(unit, {
    event: 'token.issued_by_policy',
    agent,
    resource,
    data: { delegate, scope, policy, jti: issued.jti },
  })
  return issued
}
