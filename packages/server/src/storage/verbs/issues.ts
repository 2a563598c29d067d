import { type RawBuilder, sql } from 'kysely'
import type { AutonomousIssue, TokenIssue } from '../api/grant-storage.js'
import type { FoundIssue, RememberedIssue, RememberedIssueOutcome } from '../api/issue-storage.js'
import { writeEvent } from '../rows/audit.js'
import { isRememberedFor, isUseDue, toUsedGrant, usedGrants } from '../rows/grant-lists.js'
import { commonScope, grantEnded, isWithinScope } from '../rows/granted-scopes.js'
import { internAgent, internResource } from '../rows/identifiers.js'
import { auditDelegate } from '../rows/requests.js'
import { planSubjects, storeSubjects, subjectColumns, toUser } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, hashText, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import { agentBlocked, requireHostUnblocked, requireUnblocked } from './agents.js'
import { markUsed } from './grants.js'
import { useAgentToken } from './received-revocations.js'
import { generateJti, generateTokenIssue, storeIssue } from './token-issues.js'

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

const tracked = cachedQuery(
  ({ db }, { end }: Placeholders<{ end: Uint8Array }>) =>
    db
      .selectFrom('token_issue as t')
      .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
      .innerJoin('app_user as u', 'u.id', 'g.user_id')
      .innerJoin('agent as a', 'a.id', 'g.agent_id')
      .innerJoin('resource as s', 's.id', 'g.resource_id')
      .select([
        't.jti_end',
        't.scope',
        't.issued_at',
        't.expires_at',
        't.revoked_at',
        'g.edition',
        'g.public_id',
        'g.delegate',
      ])
      .select(['u.public_id as user', 'a.identifier as agent', 's.identifier as resource'])
      .where('t.jti_end', '=', end)
      .where('t.tracked', '=', sql.lit(1)), // a literal, to match the index
)

/** Implements {@link IssueStorage.findIssue}. */
export async function findIssue(statement: Statement, jti: string): Promise<FoundIssue | undefined> {
  const [row] = await tracked(statement, { end: Buffer.from(jti, 'base64url') })
  if (!row || hashText(row.jti_end) !== jti) return undefined
  return {
    grantId: idText(row.public_id),
    edition: row.edition,
    userId: idText(row.user),
    agent: row.agent,
    delegate: row.delegate,
    resource: row.resource,
    scope: row.scope,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}

/** The outcome of an issue under a remembered grant, and the grant whose use must be counted. */
export interface PerformedIssue {
  outcome: RememberedIssueOutcome
  use?: { grantId: number; at: number }
}

/** Implements {@link IssueStorage.issueRemembered}. @throws StorageError `agent_blocked` */
export async function issueRemembered(unit: Unit, wanted: RememberedIssue): Promise<PerformedIssue> {
  const { now } = unit
  const row = await lockRemembered(unit, wanted)
  if (!row) await requireUnblocked(unit, wanted.agent)
  else if (row.blocked_at !== null) throw agentBlocked()
  else await requireHostUnblocked(unit, wanted.agent)
  if (!row) return refused('not_covered')
  if (row.disabled_at !== null) return refused('user_disabled')
  const grant = toUsedGrant(row)
  const scope = commonScope(wanted.scope, grant.scope)
  if (scope === '' || grantEnded(grant, now) || !isWithinScope(wanted.scope, grant.scope)) return refused('not_covered')
  if (wanted.agentToken) await useAgentToken(unit, wanted, wanted.agentToken)
  const planned = await planSubjects(unit, row)
  const issue = generateTokenIssue(grant, scope, { ...wanted, now, subjects: planned })
  if (issue.expiresAt <= now) return refused('expired')
  Object.assign(issue, await storeSubjects(unit, row, planned))
  await storeIssue(unit, issue, { grant_id: row.id, request_id: null, tracked: wanted.isTracked ? 1 : 0 })
  if (isUseDue(row.last_used_at, now)) await markUsed(unit, [row])
  await writeEvent(unit, {
    event: 'token.issued_by_grant',
    userId: row.user_id,
    agentId: row.agent_id,
    resourceId: row.resource_id,
    grant: row.public_id,
    data: { scope, jti: issue.jti, jkt: wanted.jkt, ...auditDelegate(grant) },
  })
  return { outcome: { outcome: 'issued', grant, user: toUser(row), issue }, use: { grantId: row.id, at: now } }
}

function refused(reason: Extract<RememberedIssueOutcome, { outcome: 'refused' }>['reason']): PerformedIssue {
  return { outcome: { outcome: 'refused', reason } }
}

/**
 * Locks the active remembered grant of these parties, so that it is not revoked before the end of the transaction, and protects its agent and
 * user against changes.
 */
async function lockRemembered(unit: Unit, wanted: RememberedIssue) {
  const { edition, userId, agent, delegate, resource, account = null } = wanted
  const parties = { edition, user: idBytes(userId), agent, delegate, resource }
  const find = () =>
    account === null ? rememberedWithout(unit, parties) : rememberedFor(unit, { ...parties, account })
  // If this statement waited for a concurrent replacement of the grant, it found no row. That cannot happen again, because the user is locked.
  return (await find())[0] ?? (await find())[0]
}

interface Parties {
  edition: string
  user: Uint8Array
  agent: string
  delegate: string | null
  resource: string
}

const rememberedWithout = cachedQuery((parts, of: Placeholders<Parties>) => remembered(parts, of, null))

const rememberedFor = cachedQuery((parts, of: Placeholders<Parties & { account: string }>) =>
  remembered(parts, of, of.account),
)

function remembered(parts: Parts, of: Placeholders<Parties>, account: RawBuilder<string> | null) {
  return parts.locking(
    usedGrants(parts)
      .select(subjectColumns)
      .where('u.public_id', '=', of.user)
      .where('a.identifier', '=', of.agent)
      .where('s.identifier', '=', of.resource)
      .where('g.delegate', 'is not distinct from', of.delegate)
      .where('g.edition', '=', of.edition)
      .where(isRememberedFor(account))
      .where('g.revoked_at', 'is', null),
    { u: 'shared', a: 'shared', g: 'alone' },
  )
}
