import { sql } from 'kysely'
import { foldUsername } from '../accounts/fold-username.js'
import type { User } from '../accounts/user.js'
import { toUser, userIdOf } from '../accounts/users.js'
import { agentIdOf, resourceIdOf } from '../agents/identifiers.js'
import { contains } from '../engines/contains.js'
import type { Statement, Unit } from '../engines/engine.js'
import { idBytes, idText } from '../engines/stored-bytes.js'
import type {
  Grant,
  GrantedScope,
  GrantFilter,
  GrantParties,
  GrantUsage,
  GrantUsageFilter,
  ListedGrant,
} from './grant-storage.js'
import { grantEnded, livePermissions } from './granted-scopes.js'

/** Grants with all that they name, to be narrowed. */
export function grants({ db, clock }: Statement) {
  return db
    .selectFrom('consent_grant as g')
    .innerJoin('app_user as u', 'u.id', 'g.user_id')
    .innerJoin('agent as a', 'a.id', 'g.agent_id')
    .innerJoin('resource as s', 's.id', 'g.resource_id')
    .innerJoin('display as d', 'd.id', 'g.display_id')
    .selectAll('g')
    .select(['a.identifier as agent', 'a.blocked_at', 's.identifier as resource', 'd.display'])
    .select(['u.public_id as user', 'u.username', 'u.email', 'u.display_name', 'u.sub'])
    .select(['u.created_at as joined_at', 'u.disabled_at', 'u.closed_at'])
    .select(clock.as('read_at'))
}

export type FoundGrant = Awaited<ReturnType<ReturnType<typeof grants>['executeTakeFirstOrThrow']>>

/** A grant as it and its person stay to the end of the transaction, with its row: it is removed after it at the earliest. */
export async function lockGrant(
  unit: Unit,
  which: { id: number } | { publicId: string },
): Promise<{ row: FoundGrant; grant: Grant } | undefined> {
  const kept = unit.db
    .selectFrom('consent_grant')
    .where((e) => ('id' in which ? e('id', '=', which.id) : e('public_id', '=', idBytes(which.publicId))))
  await unit.lockRows('shared', kept.select('id'))
  await unit.lockRows('shared', unit.db.selectFrom('app_user').select('id').where('id', 'in', kept.select('user_id')))
  return findGrantRow(unit, 'id' in which ? which.id : which.publicId)
}

/** A grant by its number, or by what it is called outside, with its row. */
export async function findGrantRow(
  statement: Statement,
  which: number | string,
): Promise<{ row: FoundGrant; grant: Grant } | undefined> {
  const row = await grants(statement)
    .where((e) => (typeof which === 'number' ? e('g.id', '=', which) : e('g.public_id', '=', idBytes(which))))
    .executeTakeFirst()
  const [grant] = row ? await toGrants(statement, [row]) : []
  return row && grant && { row, grant }
}

/** Whose grant it is. */
export function personOf(row: FoundGrant): User {
  const { user, joined_at: createdAt, disabled_at: disabledAt } = row
  return toUser({ ...row, public_id: user, created_at: createdAt, status: disabledAt === null ? 'active' : 'disabled' })
}

export async function findGrant(statement: Statement, grantId: string): Promise<ListedGrant | undefined> {
  const rows = await grants(statement).where('g.public_id', '=', idBytes(grantId)).execute()
  const [grant] = await toListedGrants(statement, rows)
  return grant
}

export async function findRememberedGrant(statement: Statement, parties: GrantParties): Promise<Grant | undefined> {
  const rows = await grants(statement)
    .where('g.user_id', '=', userIdOf(statement, parties.userId))
    .where('g.agent_id', '=', agentIdOf(statement, parties.agent))
    .where('g.resource_id', '=', resourceIdOf(statement, parties.resource))
    .where('g.delegate', 'is not distinct from', parties.delegate)
    .where('g.remembered', '=', sql.lit(1))
    .where('g.revoked_at', 'is', null)
    .where((e) => e.or([e('g.expires_at', 'is', null), e('g.expires_at', '>', statement.clock)]))
    .execute()
  const [grant] = await toGrants(statement, rows)
  return grant
}

export async function listGrants(statement: Statement, filter: GrantFilter = {}): Promise<ListedGrant[]> {
  const { clock } = statement
  const { userId, agent, resource, live, query, after, limit = 100 } = filter
  let found = grants(statement)
  if (userId !== undefined) found = found.where('g.user_id', '=', userIdOf(statement, userId))
  if (agent !== undefined) found = found.where('g.agent_id', '=', agentIdOf(statement, agent))
  if (resource !== undefined) found = found.where('g.resource_id', '=', resourceIdOf(statement, resource))
  if (live === true) {
    found = found
      .where('g.revoked_at', 'is', null)
      .where((e) => e.or([e('g.expires_at', 'is', null), e('g.expires_at', '>', clock)]))
  }
  if (live === false)
    found = found.where((e) => e.or([e('g.revoked_at', 'is not', null), e('g.expires_at', '<=', clock)]))
  if (query !== undefined) {
    const part = foldUsername(query)
    found = found.where((e) =>
      e.or([
        contains(e.ref('a.identifier'), part),
        contains(e.ref('s.identifier'), part),
        contains(e.ref('u.username_key'), part),
      ]),
    )
  }
  if (after !== undefined) found = found.where('g.id', '<', grantIdOf(statement, after))
  return toListedGrants(statement, await found.orderBy('g.id', 'desc').limit(limit).execute())
}

function grantIdOf({ db }: Statement, grantId: string) {
  return db.selectFrom('consent_grant').select('id').where('public_id', '=', idBytes(grantId))
}

export async function listGrantUsage(statement: Statement, filter: GrantUsageFilter): Promise<GrantUsage[]> {
  const { userId, grantId, limit = 100 } = filter
  let found = statement.db
    .selectFrom('grant_usage_day as d')
    .innerJoin('consent_grant as g', 'g.id', 'd.grant_id')
    .select(['g.public_id', 'd.day_at', 'd.refreshes'])
    .where('g.user_id', '=', userIdOf(statement, userId))
  if (grantId !== undefined) found = found.where('d.grant_id', '=', grantIdOf(statement, grantId))
  const rows = await found.orderBy('d.day_at', 'desc').orderBy('d.grant_id', 'desc').limit(limit).execute()
  return rows.map((row) => ({ grantId: idText(row.public_id), day: row.day_at, refreshes: row.refreshes }))
}

async function toListedGrants(statement: Statement, rows: readonly FoundGrant[]): Promise<ListedGrant[]> {
  const found = await toGrants(statement, rows)
  return found.map((grant, index) => ({ ...grant, username: rows[index]?.username ?? '' }))
}

async function toGrants(statement: Statement, rows: readonly FoundGrant[]): Promise<Grant[]> {
  const permissions = await findPermissions(
    statement,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => toGrant(row, permissions.get(row.id) ?? []))
}

function toGrant(row: FoundGrant, permissions: GrantedScope[]): Grant {
  const ends = { revokedAt: row.revoked_at, expiresAt: row.expires_at }
  const granted = grantEnded(ends, row.read_at) ? permissions : livePermissions(permissions, row.read_at)
  return {
    id: idText(row.public_id),
    userId: idText(row.user),
    agent: row.agent,
    delegate: row.delegate,
    resource: row.resource,
    scope: granted.map(({ name }) => name).join(' '),
    permissions,
    remembered: row.remembered === 1,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    revokedBy: row.revoked_by,
    ...ends,
    display: JSON.parse(row.display),
  }
}

/** How many grants are looked up in one statement. */
const batch = 500

/** The permissions of grants, which never change, in the order they were asked for. */
export async function findPermissions(
  { db }: Statement,
  grantIds: readonly number[],
): Promise<ReadonlyMap<number, GrantedScope[]>> {
  const found = new Map<number, GrantedScope[]>(grantIds.map((id) => [id, []]))
  for (let first = 0; first < grantIds.length; first += batch) {
    const rows = await db
      .selectFrom('grant_scope')
      .select(['grant_id', 'name', 'expires_at'])
      .where('grant_id', 'in', grantIds.slice(first, first + batch))
      .orderBy('grant_id')
      .orderBy('position')
      .execute()
    for (const { grant_id, name, expires_at } of rows) found.get(grant_id)?.push({ name, expiresAt: expires_at })
  }
  return found
}
