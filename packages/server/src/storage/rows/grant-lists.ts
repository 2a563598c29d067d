import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type {
  Grant,
  GrantFilter,
  GrantParties,
  GrantUsage,
  GrantUsageFilter,
  ListedGrant,
  UsedGrant,
} from '../api/grant-storage.js'
import { foldUsername } from '../api/user.js'
import type { LockMode, LockStrength, Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, cachedQueryOfRows, contains, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import { grantEnded, livePermissions, toPermissions } from './granted-scopes.js'
import { agentIdOf, resourceIdOf } from './identifiers.js'
import { userColumns, userIdOf } from './users.js'

/** Grants with the columns that are needed when a grant is used. The caller narrows the query. */
export function usedGrants(parts: Parts) {
  return joinedGrants(parts)
    .select(['g.id', 'g.user_id', 'g.agent_id', 'g.resource_id', 'a.blocked_at'])
    .select(userColumns('u'))
}

/** Grants with everything that they reference. The caller narrows the query. */
export function grants(parts: Parts) {
  return usedGrants(parts).innerJoin('display as d', 'd.id', 'g.display_id').select(detailColumns)
}

/** Grants with the columns of {@link toListedGrant} alone, because pages read many of them. The caller narrows the query. */
function listedGrants(parts: Parts) {
  return joinedGrants(parts)
    .innerJoin('display as d', 'd.id', 'g.display_id')
    .select(['u.public_id as user', 'u.username'])
    .select(detailColumns)
}

function joinedGrants({ db, clock }: Parts) {
  return db
    .selectFrom('consent_grant as g')
    .innerJoin('app_user as u', 'u.id', 'g.user_id')
    .innerJoin('agent as a', 'a.id', 'g.agent_id')
    .innerJoin('resource as s', 's.id', 'g.resource_id')
    .select(['g.public_id', 'g.edition', 'g.delegate', 'g.account', 'g.expires_at', 'g.last_used_at', 'g.revoked_at'])
    .select(['a.identifier as agent', 's.identifier as resource'])
    .select(permissionsOfGrant.as('permissions'))
    .select(clock.as('read_at'))
}

const detailColumns = [
  'g.remembered',
  'g.account_remembered',
  'g.created_at',
  'g.revoked_by',
  'g.call',
  'd.display',
] as const

/**
 * The permissions of the grant `g`, to which a decision may add, in the order requested, for {@link toPermissions}. They are sorted before
 * the aggregation, because SQLite then reads them in the order of the primary key; `order by` within `string_agg` would build a B-tree for
 * each grant.
 */
export const permissionsOfGrant = sql<string | null>`(
  select string_agg(n.permission, ' ') from (
    select p.name || ' ' || coalesce(cast(p.expires_at as text), '') as permission
    from grant_scope as p where p.grant_id = g.id order by p.position) as n)`

/** A row of {@link usedGrants}. */
export type UsedGrantRow = Awaited<ReturnType<ReturnType<typeof usedGrants>['executeTakeFirstOrThrow']>>

export type FoundGrant = Awaited<ReturnType<ReturnType<typeof grants>['executeTakeFirstOrThrow']>>

type JoinedRow = Awaited<ReturnType<ReturnType<typeof joinedGrants>['executeTakeFirstOrThrow']>>

type ListedRow = Awaited<ReturnType<ReturnType<typeof listedGrants>['executeTakeFirstOrThrow']>>

/** Locks a grant so that this transaction can change it, and protects its user against changes. Returns the grant with its row. */
export async function lockGrant(
  unit: Unit,
  which: { id: number } | { publicId: string },
): Promise<{ row: FoundGrant; grant: Grant } | undefined> {
  const wanted = grants(unit).where((e) =>
    'id' in which ? e('g.id', '=', which.id) : e('g.public_id', '=', idBytes(which.publicId)),
  )
  const row = await unit.locking(wanted, { u: 'shared', g: 'alone' }).executeTakeFirst()
  return row && { row, grant: toGrant(row) }
}

/** Returns a query that locks the grants with these ids, in ascending order, and returns the ids that it locked. */
export function lockingGrants(strength: LockStrength, how?: LockMode) {
  return cachedQueryOfRows(({ db, locking }, wanted: readonly Placeholders<{ id: number }>[]) =>
    locking(
      db
        .selectFrom('consent_grant as g')
        .select('g.id')
        .where(
          'g.id',
          'in',
          wanted.map(({ id }) => id),
        )
        .orderBy('g.id'),
      { g: strength },
      how,
    ),
  )
}

export async function findGrant(statement: Statement, grantId: string): Promise<ListedGrant | undefined> {
  const row = await listedGrants(statement).where('g.public_id', '=', idBytes(grantId)).executeTakeFirst()
  return row && toListedGrant(row)
}

export async function findRememberedGrant(statement: Statement, parties: GrantParties): Promise<Grant | undefined> {
  const row = await listedGrants(statement)
    .where('g.user_id', '=', userIdOf(statement, parties.userId))
    .where('g.agent_id', '=', agentIdOf(statement, parties.agent))
    .where('g.resource_id', '=', resourceIdOf(statement, parties.resource))
    .where('g.delegate', 'is not distinct from', parties.delegate)
    .where('g.edition', '=', parties.edition)
    .where(isRememberedFor(parties.account ?? null))
    .where('g.revoked_at', 'is', null)
    .where((e) => e.or([e('g.expires_at', 'is', null), e('g.expires_at', '>', statement.clock)]))
    .executeTakeFirst()
  return row && toGrant(row)
}

/** Whether the grant `g` is remembered for requests that name this account; null: for requests that name none. */
export function isRememberedFor(account: string | RawBuilder<string> | null): RawBuilder<SqlBool> {
  // Literals, to match the indexes.
  return account === null ? sql`g.remembered = 1` : sql`g.account_remembered = 1 and g.account = ${account}`
}

export async function listGrants(statement: Statement, filter: GrantFilter = {}): Promise<ListedGrant[]> {
  const { clock } = statement
  const { userId, agent, resource, live, query, after, limit = 100 } = filter
  const others = [resource, live, query, after]
  if (agent !== undefined && others.every((other) => other === undefined)) {
    const found =
      userId === undefined
        ? grantsOfAgent(statement, { agent, limit })
        : grantsOfPair(statement, { user: idBytes(userId), agent, limit })
    return (await found).map(toListedGrant)
  }
  let found = listedGrants(statement)
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
  const rows = await found.orderBy('g.id', 'desc').limit(limit).execute()
  return rows.map(toListedGrant)
}

// Both are read for every consent page.

const grantsOfAgent = cachedQuery((parts, by: Placeholders<{ agent: string; limit: number }>) =>
  listedGrants(parts).where('g.agent_id', '=', agentIdOf(parts, by.agent)).orderBy('g.id', 'desc').limit(by.limit),
)

const grantsOfPair = cachedQuery((parts, pair: Placeholders<{ user: Uint8Array; agent: string; limit: number }>) =>
  listedGrants(parts)
    .where('g.user_id', '=', parts.db.selectFrom('app_user').select('id').where('public_id', '=', pair.user))
    .where('g.agent_id', '=', agentIdOf(parts, pair.agent))
    .orderBy('g.id', 'desc')
    .limit(pair.limit),
)

function grantIdOf({ db }: Statement, grantId: string) {
  return db.selectFrom('consent_grant').select('id').where('public_id', '=', idBytes(grantId))
}

/** Implements {@link GrantStorage.listGrantUsage}: newest day first, up to 100 entries unless the filter sets another limit. */
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

function toListedGrant(row: ListedRow): ListedGrant {
  return { username: row.username, ...toGrant(row) }
}

/** Returns the grant in a row of {@link grants}, with all its permissions. */
export function toGrant(row: Omit<ListedRow, 'username'>): Grant {
  return {
    remembered: row.remembered === 1 || row.account_remembered === 1,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    revokedBy: row.revoked_by,
    display: JSON.parse(row.display),
    call: row.call === null ? null : JSON.parse(row.call),
    ...toUsedGrant(row),
  }
}

/**
 * Returns the grant in a row of {@link usedGrants}. Its scope contains the permissions that have not expired, or all of them if the grant
 * has ended.
 */
export function toUsedGrant(row: JoinedRow & Pick<ListedRow, 'user'>): UsedGrant {
  const permissions = toPermissions(row.permissions)
  const ends = { revokedAt: row.revoked_at, expiresAt: row.expires_at }
  const granted = grantEnded(ends, row.read_at) ? permissions : livePermissions(permissions, row.read_at)
  return {
    id: idText(row.public_id),
    edition: row.edition,
    userId: idText(row.user),
    agent: row.agent,
    delegate: row.delegate,
    resource: row.resource,
    account: row.account,
    scope: granted.map(({ name }) => name).join(' '),
    permissions,
    ...ends,
  }
}

/** Minimum interval, in seconds, between two writes of a row's last use. */
export const usedEvery = 60

/** Whether it is time to write a use. */
export function isUseDue(lastUsedAt: number | null, now: number): boolean {
  return lastUsedAt === null || lastUsedAt <= now - usedEvery
}
