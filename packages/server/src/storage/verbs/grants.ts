import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import type { GrantRevocation, GrantsRevocation } from '../api/grant-storage.js'
import { writeEvent } from '../rows/audit.js'
import { isRememberedFor, permissionsOfGrant } from '../rows/grant-lists.js'
import { agentIdOf, resourceIdOf } from '../rows/identifiers.js'
import { userIdOf } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { cachedQueryOfRows, idBytes, type Placeholders } from '../sql/kept-query.js'
import type { Row, Tables } from '../sql/tables.js'
import { type EndedGrant, revokeIssuesOf } from './deliveries.js'

/** The internal and public ids of a grant. */
export interface GrantKeys {
  id: number
  public_id: Uint8Array
}

/** The `revoked_by` value of a grant that another one has replaced. */
export const replaced = 'replaced'

/** The maximum number of an agent's newest grants at a resource whose permissions are counted for a new one. */
const countedGrants = 500

/** The different permissions that the agent of the grant `g` may use at its resource, under its user's newest grants. */
export function heldAtResource(clock: RawBuilder<number>) {
  return sql<string | null>`(
    select string_agg(n.name, ' ') from (
      select distinct p.name from grant_scope as p
      where (p.expires_at is null or p.expires_at > ${clock}) and p.grant_id in (
        select h.id from consent_grant as h
        where h.user_id = g.user_id and h.agent_id = g.agent_id and h.resource_id = g.resource_id
          and h.revoked_at is null and (h.expires_at is null or h.expires_at > ${clock})
        order by h.id desc limit ${sql.lit(countedGrants)})) as n)`
}

const revokedColumns = [
  'id',
  'public_id',
  'edition',
  'user_id',
  'agent_id',
  'delegate',
  'resource_id',
  'remembered',
  'account',
  'account_remembered',
] as const

/**
 * Finds the active remembered grant. The transaction holds a lock on the user's grants, so there is at most one; a unique index also
 * enforces this.
 */
export async function findRemembered(
  { db, clock }: Unit,
  {
    userId,
    request,
    account,
  }: {
    userId: number
    request: Pick<Row<'consent_grant'>, 'edition' | 'agent_id' | 'delegate' | 'resource_id'>
    account: string | null
  },
) {
  return db
    .selectFrom('consent_grant as g')
    .select(revokedColumns)
    .select(['expires_at', permissionsOfGrant.as('permissions'), heldAtResource(clock).as('held')])
    .where('user_id', '=', userId)
    .where('agent_id', '=', request.agent_id)
    .where('resource_id', '=', request.resource_id)
    .where('delegate', 'is not distinct from', request.delegate)
    .where('edition', '=', request.edition)
    .where(isRememberedFor(account))
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
}

/** Implements {@link GrantStorage.revokeGrant}. */
export async function revokeGrant(unit: Unit, { grantId, by, userId }: GrantRevocation): Promise<boolean> {
  const { db, now } = unit
  let named = db.selectFrom('consent_grant').where('public_id', '=', idBytes(grantId))
  if (userId !== undefined) named = named.where('user_id', '=', userIdOf(unit, userId))
  await lockUsers(unit, named.select('user_id'))
  const grant = await named
    .select(['id', 'edition', 'user_id', 'agent_id', 'delegate', 'resource_id', 'account', 'revoked_by'])
    .executeTakeFirst()
  if (!grant) return false
  // If this grant has since been replaced, the new grant has taken over its permissions.
  const successor =
    grant.revoked_by === replaced &&
    (await findRemembered(unit, { userId: grant.user_id, request: grant, account: grant.account }))
  const revoked = await db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: by })
    .where('id', '=', successor ? successor.id : grant.id)
    .where('revoked_at', 'is', null)
    .returning(revokedColumns)
    .executeTakeFirst()
  if (!revoked) return false
  await endGrant(unit, revoked, { by })
  return true
}

/** Locks the users to whom grants belong. Until the end of the transaction, none of their grants is replaced and none is created. */
async function lockUsers(
  unit: Unit,
  users: SelectQueryBuilder<Tables, 'consent_grant', { user_id: number }>,
): Promise<void> {
  const people = unit.db.selectFrom('app_user').select('id').where('id', 'in', users).orderBy('id')
  await unit.lockRows('alone', people)
}

/** Implements {@link GrantStorage.revokeGrants}. */
export async function revokeGrants(unit: Unit, revocation: GrantsRevocation): Promise<number> {
  const { userId, edition, agent, delegate, resource, by } = revocation
  const { db, now } = unit
  if (userId === undefined && agent === undefined && resource === undefined) {
    throw new TypeError('revokeGrants needs a userId, an agent or a resource')
  }
  let live = db
    .selectFrom('consent_grant')
    .where('revoked_at', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', now)]))
  if (userId !== undefined) live = live.where('user_id', '=', userIdOf(unit, userId))
  if (edition !== undefined) live = live.where('edition', '=', edition)
  if (agent !== undefined) live = live.where('agent_id', '=', agentIdOf(unit, agent))
  if (delegate !== undefined) live = live.where('delegate', 'is not distinct from', delegate)
  if (resource !== undefined) live = live.where('resource_id', '=', resourceIdOf(unit, resource))
  await lockUsers(unit, live.select('user_id'))
  await unit.lockRows('alone', live.select('id').orderBy('id'))
  const revoked = await db
    .updateTable('consent_grant')
    .set({ revoked_at: now, revoked_by: by })
    .where('id', 'in', live.select('id'))
    .returning(revokedColumns)
    .execute()
  for (const row of revoked) await endGrant(unit, row, { by })
  return revoked.length
}

type RevokedRow = GrantKeys & EndedGrant

/** What the audit event of a revocation contains. */
interface RevocationData {
  by: string
  /** The id of the grant that takes over what is left. */
  successor?: string | undefined
  /** The permissions that the user removed; absent if the whole grant was revoked. */
  permissions?: string | undefined
}

/** Completes the revocation of a grant: revokes its refresh tokens and tracked tokens, and writes the audit event. */
export async function endGrant(unit: Unit, row: RevokedRow, data: RevocationData): Promise<void> {
  const { db, now } = unit
  await db
    .updateTable('refresh_token')
    .set({ revoked_at: now })
    .where('grant_id', '=', row.id)
    .where('revoked_at', 'is', null)
    .execute()
  // The tracked tokens of a replaced grant stay valid, since its successor has its permissions. They are revoked with the successor.
  if (data.by !== replaced) await revokeIssuesOf(unit, row)
  await writeEvent(unit, {
    event: 'grant.revoked',
    userId: row.user_id,
    agentId: row.agent_id,
    resourceId: row.resource_id,
    grant: row.public_id,
    data: { ...data },
  })
}

/**
 * Records that grants are being used now, unless a use was already recorded in the last minute. The caller holds the locks on their rows.
 */
export const markUsed = cachedQueryOfRows(({ db, clock }, used: readonly Placeholders<{ id: number }>[]) =>
  db
    .updateTable('consent_grant')
    .set({ last_used_at: clock })
    .where(
      'id',
      'in',
      used.map(({ id }) => id),
    ),
)
