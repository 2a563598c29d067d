import { type SelectQueryBuilder, sql } from 'kysely'
import {
  type Delivery,
  type DeliveryClaim,
  type DeliveryFilter,
  type DeliverySettlement,
  type DueDelivery,
  type DueSearch,
  deliveryAttempts,
  type ListedDelivery,
  maxDeliveries,
} from '../api/delivery-storage.js'
import { writeEvent } from '../rows/audit.js'
import { agentIdOf } from '../rows/identifiers.js'
import { auditDelegate } from '../rows/requests.js'
import { userIdOf } from '../rows/users.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedInsertion, hashText, idText } from '../sql/kept-query.js'
import type { Row, Tables } from '../sql/tables.js'

type GrantIds = SelectQueryBuilder<Tables, 'consent_grant', { id: number }>

/** A grant that is revoked, with the parties that its predecessors have in common with it. */
export type EndedGrant = Pick<
  Row<'consent_grant'>,
  | 'id'
  | 'edition'
  | 'user_id'
  | 'agent_id'
  | 'delegate'
  | 'resource_id'
  | 'remembered'
  | 'account'
  | 'account_remembered'
>

/** Revokes the tracked tokens of a revoked grant, and of the grants that it replaced. */
export async function revokeIssuesOf(unit: Unit, grant: EndedGrant): Promise<void> {
  const named = unit.db.selectFrom('consent_grant').select('id')
  const predecessors = named
    .where('user_id', '=', grant.user_id)
    .where('agent_id', '=', grant.agent_id)
    .where('delegate', 'is not distinct from', grant.delegate)
    .where('resource_id', '=', grant.resource_id)
    .where('edition', '=', grant.edition)
    .where('account', 'is not distinct from', grant.account)
    .where('revoked_by', '=', 'replaced')
  const itself = named.where('id', '=', grant.id)
  const isRemembered = grant.remembered === 1 || grant.account_remembered === 1
  await revokeTracked(unit, isRemembered ? itself.union(predecessors) : itself, maxDeliveries.perGrant)
}

/** Revokes the tracked tokens of a user who was disabled. */
export async function revokeIssuesOfUser(unit: Unit, userId: number): Promise<void> {
  const grants = unit.db.selectFrom('consent_grant').select('id').where('user_id', '=', userId)
  await revokeTracked(unit, grants, maxDeliveries.together)
}

/** Revokes the tracked tokens of a blocked agent, for all its users. */
export async function revokeIssuesOfAgent(unit: Unit, agentId: number): Promise<void> {
  const grants = unit.db.selectFrom('consent_grant').select('id').where('agent_id', '=', agentId)
  await revokeTracked(unit, grants, maxDeliveries.together)
}

/** An agent of an edition, and who revokes its tokens, for the audit log. */
interface IssuesRevocation {
  edition: string
  agent: string
  delegate: string | null
  by: string
}

/** Revokes the tracked tokens of an agent, and notifies their resources. Its grants and its binding stay. */
export async function revokeIssues(unit: Unit, revocation: IssuesRevocation): Promise<void> {
  const { edition, agent, by } = revocation
  const [known] = await agentIdOf(unit, agent).execute()
  if (!known) return
  const grants = grantsOf(unit, known.id, revocation)
  const count = await revokeTracked(unit, grants, maxDeliveries.together)
  const data = { by, edition, count, ...auditDelegate(revocation) }
  if (count > 0) await writeEvent(unit, { event: 'agent.tokens_revoked', agentId: known.id, data })
}

/** Sends the revocations of an agent's tokens again that could not be delivered. */
export async function retryDeliveries(unit: Unit, revocation: IssuesRevocation): Promise<void> {
  const { db, now } = unit
  const [known] = await agentIdOf(unit, revocation.agent).execute()
  if (!known) return
  await db
    .updateTable('revocation_delivery')
    .set({ due_at: now, attempts: 0, outcome: null, settled_at: null })
    .where('outcome', '=', 'failed')
    .where('issue_id', 'in', (e) =>
      e
        .selectFrom('token_issue')
        .select('id')
        .where('grant_id', 'in', grantsOf(unit, known.id, revocation))
        .where('expires_at', '>', now),
    )
    .execute()
}

/** The grants of an agent, live or ended. */
function grantsOf({ db }: Unit, agentId: number, { edition, delegate }: IssuesRevocation): GrantIds {
  return db
    .selectFrom('consent_grant')
    .select('id')
    .where('edition', '=', edition)
    .where('agent_id', '=', agentId)
    .where('delegate', 'is not distinct from', delegate)
}

/** Marks the tracked tokens of grants as revoked, and notifies the resources of those that expire last. */
async function revokeTracked(unit: Unit, grants: GrantIds, most: number): Promise<number> {
  const { db, now } = unit
  const revoked = await db
    .updateTable('token_issue')
    .set({ revoked_at: now })
    .where('grant_id', 'in', grants)
    .where('tracked', '=', sql.lit(1)) // a literal, to match the index
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .returning(['id', 'expires_at'])
    .execute()
  const last = revoked.toSorted((one, other) => other.expires_at - one.expires_at).slice(0, most)
  const due = { due_at: now, attempts: 0, outcome: null, settled_at: null }
  if (last.length > 0)
    await deliveryInsertion(
      unit,
      last.map(({ id }) => ({ issue_id: id, ...due })),
    )
  return revoked.length
}

const deliveryInsertion = cachedInsertion('revocation_delivery')

/** Deliveries with their tokens and grants. The caller narrows the query. */
function deliveries({ db }: Pick<Statement, 'db'>) {
  return db
    .selectFrom('revocation_delivery as d')
    .innerJoin('token_issue as t', 't.id', 'd.issue_id')
    .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
    .innerJoin('resource as s', 's.id', 'g.resource_id')
    .select(['d.id', 'd.attempts', 'd.outcome', 'd.settled_at'])
    .select(['t.jti_end', 't.expires_at', 't.revoked_at', 's.identifier as resource'])
}

/** Implements {@link DeliveryStorage.findDueDeliveries}. */
export async function findDueDeliveries(
  statement: Statement,
  { edition, after, limit }: DueSearch,
): Promise<DueDelivery[]> {
  let due = dueDeliveries(statement, edition, limit)
    .innerJoin('app_user as u', 'u.id', 'g.user_id')
    .select(['d.due_at', 'u.public_id as user'])
  if (after) {
    const { dueAt } = after
    due = due
      .where('d.due_at', '>=', dueAt)
      .where((e) => e.or([e('d.due_at', '>', dueAt), e('d.id', '>', deliveryId(after.id))]))
  }
  const rows = await due.execute()
  return rows.map(({ id, due_at, user, resource }) => ({
    id: String(id),
    dueAt: Number(due_at),
    userId: idText(user),
    resource,
  }))
}

function dueDeliveries(parts: Pick<Statement, 'db' | 'clock'>, edition: string, limit: number) {
  return deliveries(parts)
    .where('d.due_at', '<=', parts.clock)
    .where('g.edition', '=', edition)
    .orderBy('d.due_at')
    .orderBy('d.id')
    .limit(limit)
}

/** Implements {@link DeliveryStorage.claimDeliveries}. */
export async function claimDeliveries(unit: Unit, { edition, ids, limit, lease }: DeliveryClaim): Promise<Delivery[]> {
  const { now } = unit
  let due = dueDeliveries(unit, edition, limit)
  if (ids) due = due.where('d.id', 'in', ids.map(deliveryId))
  const claimed: Delivery[] = []
  for (const row of await unit.locking(due, { d: 'alone' }, 'passing').execute()) {
    const attempt = row.attempts + 1
    if (row.expires_at <= now) await settle(unit, row.id, 'expired')
    else if (attempt > deliveryAttempts.most) await settle(unit, row.id, 'failed')
    else {
      const claim = { attempts: attempt, due_at: now + lease }
      await unit.db.updateTable('revocation_delivery').set(claim).where('id', '=', row.id).execute()
      const { resource, expires_at: expiresAt } = row
      claimed.push({ id: String(row.id), attempt, resource, jti: hashText(row.jti_end), expiresAt })
    }
  }
  return claimed
}

/** The key of a delivery. No delivery has the key 0. */
function deliveryId(id: string): number {
  return /^\d{1,15}$/.test(id) ? Number(id) : 0
}

async function settle(unit: Unit, id: number, outcome: NonNullable<ListedDelivery['outcome']>): Promise<void> {
  const { db, now } = unit
  await db
    .updateTable('revocation_delivery')
    .set({ outcome, due_at: null, settled_at: now })
    .where('id', '=', id)
    .execute()
  if (outcome !== 'expired') await writeOutcome(unit, id, outcome)
}

/** Writes an event with the outcome, under the agent and the resource. It is not an action of the user, so their activity omits it. */
async function writeOutcome(unit: Unit, id: number, outcome: DeliverySettlement['outcome']): Promise<void> {
  const { attempts, edition, delegate, ...about } = await unit.db
    .selectFrom('revocation_delivery as d')
    .innerJoin('token_issue as t', 't.id', 'd.issue_id')
    .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
    .select(['d.attempts', 'g.edition', 'g.delegate', 'g.agent_id', 'g.resource_id', 'g.public_id'])
    .where('d.id', '=', id)
    .executeTakeFirstOrThrow()
  const isDelivered = outcome === 'delivered'
  await writeEvent(unit, {
    event: isDelivered ? 'revocation.delivered' : 'revocation.undelivered',
    agentId: about.agent_id,
    resourceId: about.resource_id,
    grant: about.public_id,
    data: { edition, ...auditDelegate({ delegate }), attempts, reason: isDelivered ? undefined : outcome },
  })
}

/** Implements {@link DeliveryStorage.settleDelivery}. */
export async function settleDelivery(unit: Unit, { id, attempt, outcome }: DeliverySettlement): Promise<boolean> {
  const claimed = unit.db
    .selectFrom('revocation_delivery as d')
    .select('d.id')
    .where('d.id', '=', deliveryId(id))
    .where('d.attempts', '=', attempt)
    .where('d.due_at', 'is not', null)
  const row = await unit.locking(claimed, { d: 'alone' }).executeTakeFirst()
  if (!row) return false
  const delay = outcome === 'failed' ? deliveryAttempts.delays[attempt - 1] : undefined
  if (delay === undefined) await settle(unit, row.id, outcome)
  else {
    const next = { due_at: unit.now + delay }
    await unit.db.updateTable('revocation_delivery').set(next).where('id', '=', row.id).execute()
  }
  return true
}

/** Implements {@link DeliveryStorage.listDeliveries}. */
export async function listDeliveries(
  statement: Statement,
  { userId, limit = 100 }: DeliveryFilter,
): Promise<ListedDelivery[]> {
  const rows = await deliveries(statement)
    .innerJoin('agent as a', 'a.id', 'g.agent_id')
    .select(['g.edition', 'g.delegate', 'g.account', 'a.identifier as agent'])
    .where('g.user_id', '=', userIdOf(statement, userId))
    .orderBy('d.id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    edition: row.edition,
    agent: row.agent,
    delegate: row.delegate,
    resource: row.resource,
    account: row.account,
    revokedAt: Number(row.revoked_at),
    expiresAt: row.expires_at,
    attempts: row.attempts,
    outcome: row.outcome,
    settledAt: row.settled_at,
  }))
}
