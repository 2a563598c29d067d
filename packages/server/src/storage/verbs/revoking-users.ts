import { sql } from 'kysely'
import type { RevocationFilter } from '../api/grant-storage.js'
import type { Statement } from '../sql/engine.js'
import { usedSince } from './revoked-by-operator.js'

export interface RevokingUser {
  userId: number
  /** The number of subjects under which tokens were revoked. The user has at least one entry for each, unless there are too many. */
  subjects: number
  /** Number of grants and families that ended, including replaced grants. Undefined if all the user's tokens are revoked. */
  ended: number | undefined
  /** Number of entries if the families of each client at a resource share one. */
  byClient: number
}

export const isDisabled = ({ ended }: RevokingUser) => ended === undefined

export function toDisabled({ userId, subjects }: { userId: number; subjects: number }): RevokingUser {
  return { userId, subjects, ended: undefined, byClient: subjects }
}

/**
 * No stored time is later than this. With an upper bound, databases read the range from their index instead of reading all grants that ever
 * ended.
 */
const everAfter = Number.MAX_SAFE_INTEGER

/**
 * The users who revoked something under which a token may still be valid, oldest accounts first. Returns up to one more user than can be
 * listed.
 */
export async function removingUsers(statement: Statement, filter: RevocationFilter): Promise<RevokingUser[]> {
  const rows = await statement.db
    .selectFrom(endedByResource(statement, filter).as('r'))
    .innerJoin('app_user as u', 'u.id', 'r.user_id')
    .leftJoin('resource_subject as b', (join) =>
      join.onRef('b.user_id', '=', 'r.user_id').onRef('b.resource_id', '=', 'r.resource_id'),
    )
    .select((e) => ['u.id', e.fn.sum('r.ended').as('ended'), e.fn.sum('r.clients').as('clients')])
    .select(sql`count(distinct ${subject})`.as('subjects'))
    .groupBy('u.id')
    .orderBy('u.id')
    .limit(filter.limit + 1)
    .execute()
  return rows.map(({ id, ended, clients, subjects }) => ({
    userId: id,
    subjects: Number(subjects),
    ended: Number(ended),
    byClient: Number(clients),
  }))
}

/** The subject of the user `u`, whose row for the resource is `b`. */
export const subject = sql<Uint8Array>`coalesce(b.sub, u.sub)`

/** Counts of grants and families that ended, for a user and a resource, and when one was last revoked. */
interface Ended {
  user_id: number
  resource_id: number
  ended: number
  /** Like `ended`, but counts the families of a client as one. */
  clients: number
  at: number
}

/** What ended for each user and resource, if a token may still be valid. There may be several rows for the same user and resource. */
export function endedByResource(statement: Statement, filter: RevocationFilter, userIds?: readonly number[]) {
  const grants = endedGrants(statement, filter, userIds)
  return filter.families ? grants.unionAll(endedFamilies(statement, filter, userIds)) : grants
}

const lastRevokedAt = sql<number>`max(case when revoked_by <> 'replaced' then revoked_at end)`

/** The grants that ended, if one of them was revoked. */
function endedGrants({ db }: Statement, { since, without = [] }: RevocationFilter, userIds?: readonly number[]) {
  return db
    .selectFrom('consent_grant')
    .select((e) => [
      'user_id',
      'resource_id',
      e.fn.countAll<number>().as('ended'),
      e.fn.countAll<number>().as('clients'),
    ])
    .select(lastRevokedAt.as('at'))
    .where((e) => e.between('revoked_at', since, everAfter))
    .$if(without.length > 0, (query) => query.where('edition', 'not in', without))
    .$if(userIds !== undefined, (query) => query.where('user_id', 'in', userIds ?? []))
    .groupBy(['user_id', 'resource_id'])
    .having(lastRevokedAt, 'is not', null)
    .having((e) => e(e.fn.max('last_used_at'), '>=', usedSince(since)))
    .$castTo<Ended>()
}

/** The families that were revoked, for each client. */
function endedFamilies(statement: Statement, filter: RevocationFilter, userIds?: readonly number[]) {
  return revokedFamilies(statement, filter)
    .select((e) => ['g.user_id', 'g.resource_id', e.fn.countAll<number>().as('ended'), sql<number>`1`.as('clients')])
    .select((e) => e.fn.max('t.revoked_at').as('at'))
    .$if(userIds !== undefined, (query) => query.where('g.user_id', 'in', userIds ?? []))
    .groupBy(['g.user_id', 'g.resource_id', 'g.agent_id'])
    .$castTo<Ended>()
}

/**
 * Revoked families with which a token may have been issued that is still valid. A family under a revoked grant is omitted, because the grant
 * is listed. The caller narrows the query.
 */
export function revokedFamilies({ db }: Statement, { since }: RevocationFilter) {
  return db
    .selectFrom('refresh_token as t')
    .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
    .where((e) => e.between('t.revoked_at', since, everAfter))
    .where('t.last_used_at', '>=', usedSince(since))
    .where('t.family', 'is not', null)
    .where('g.revoked_at', 'is', null)
}
