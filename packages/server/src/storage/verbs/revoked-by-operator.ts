import { sql } from 'kysely'
import type { RevocationFilter } from '../api/grant-storage.js'
import { usedEvery } from '../rows/grant-lists.js'
import { isOnHost } from '../rows/identifiers.js'
import type { Statement } from '../sql/engine.js'

/** Uses are written only at intervals, so a token may have been issued up to one interval after the recorded use. */
export const usedSince = (since: number) => since - usedEvery

/** Blocked agents, and the agents on blocked hosts that may hold a valid token, with the times of the blocks. */
export async function blockedAgents(
  statement: Statement,
  filter: RevocationFilter,
): Promise<{ identifier: string; at: number }[]> {
  const [named, onHosts] = await Promise.all([blockedByName(statement, filter), blockedByHost(statement, filter)])
  return [...named, ...onHosts]
}

function blockedByName({ db }: Statement, { since, limit }: RevocationFilter) {
  return db
    .selectFrom('agent')
    .select(['identifier', 'blocked_at as at'])
    .$narrowType<{ at: number }>()
    .where('blocked_at', '>=', since)
    .orderBy('blocked_at', 'desc')
    .limit(limit + 1)
    .execute()
}

/** An agent's host may be blocked twice, with its port and without it. */
function blockedByHost({ db }: Statement, { since, limit }: RevocationFilter) {
  return db
    .selectFrom('agent as h')
    .innerJoin('agent as a', (join) => join.on(isOnHost))
    .select((e) => ['a.identifier', e.fn.max('h.blocked_at').as('at')])
    .$narrowType<{ at: number }>()
    .where('h.blocked_at', '>=', since)
    .where((e) => e.or([e('a.blocked_at', 'is', null), e('a.blocked_at', '<', since)]))
    .where((e) =>
      e.exists(
        e
          .selectFrom('consent_grant as g')
          .select('g.id')
          .whereRef('g.agent_id', '=', 'a.id')
          .where('g.last_used_at', '>=', usedSince(since)),
      ),
    )
    .groupBy('a.identifier')
    .limit(limit + 1)
    .execute()
}

/** A disabled user. */
export interface DisabledUser {
  userId: number
  at: number
  /** The number of subjects under which the user may have valid tokens. */
  subjects: number
}

/**
 * Disabled users who may have valid tokens, and the number of their subjects. Excludes users with closed accounts, because their grants are
 * listed instead.
 */
export async function disabledUsers({ db }: Statement, { since, limit }: RevocationFilter): Promise<DisabledUser[]> {
  const rows = await db
    .selectFrom('app_user as u')
    .innerJoin('consent_grant as g', 'g.user_id', 'u.id')
    .leftJoin('resource_subject as b', (join) =>
      join.onRef('b.user_id', '=', 'g.user_id').onRef('b.resource_id', '=', 'g.resource_id'),
    )
    .select(['u.id as userId', 'u.disabled_at as at'])
    .$narrowType<{ at: number }>()
    .select(sql`count(distinct coalesce(b.sub, u.sub))`.as('subjects'))
    .where('u.disabled_at', '>=', since)
    .where('u.closed_at', 'is', null)
    .where('g.last_used_at', '>=', usedSince(since))
    .groupBy(['u.id', 'u.disabled_at'])
    .orderBy('u.disabled_at', 'desc')
    .orderBy('u.id')
    .limit(limit + 1)
    .execute()
  return rows.map(({ userId, at, subjects }) => ({ userId, at, subjects: Number(subjects) }))
}
