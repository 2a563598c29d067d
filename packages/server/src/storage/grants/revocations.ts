import { sql } from 'kysely'
import type { Unit } from '../engines/unit.js'
import { endedWithSuccessor } from './ended-with-successor.js'
import type { Grant, Revocation, RevocationFilter, Revocations } from './grant-storage.js'
import { usedEvery } from './refreshes.js'

export async function listRevocations(unit: Unit, filter: RevocationFilter): Promise<Revocations> {
  const { limit, perPerson } = filter
  const [agents, disabled] = await Promise.all([blockedAgents(unit, filter), disabledPeople(unit, filter)])
  const ofOperator = [...agents, ...disabled]
  const isFull = ofOperator.length > limit
  const listed = isFull ? [] : ofOperator.map(({ kind, value }): Revocation => ({ kind, value }))
  const people = await peopleWhoRemoved(unit, filter)
  const { single, together } = share(people, { places: limit - listed.length, perPerson })
  return {
    revoked: [...listed, ...(await grantsOf(unit, single, filter))],
    revokedBefore: together.map(({ sub, at }) => ({ sub, at })),
    before: isFull ? Math.max(...ofOperator.map(({ at }) => at)) : undefined,
    isWhole: people.length === single.length + together.length,
  }
}

interface Remover {
  userId: string
  sub: string
  /** Grants that ended, also those that were replaced: entries are no more than that. */
  ended: number
  /** The last time that one was taken back. */
  at: number
}

/**
 * Shares the places among people. Each has one, the oldest accounts first; then one for each grant, whoever took back the
 * fewest first, as long as there are places left.
 */
function share(
  people: readonly Remover[],
  { places, perPerson }: { places: number; perPerson: number },
): { single: Remover[]; together: Remover[] } {
  const heard = people.slice(0, places)
  const single: Remover[] = []
  const together: Remover[] = []
  let left = places - heard.length
  for (const person of heard.toSorted((one, other) => one.ended - other.ended)) {
    const more = person.ended - 1
    if (person.ended > perPerson || more > left) together.push(person)
    else {
      single.push(person)
      left -= more
    }
  }
  return { single, together }
}

/** Uses are written once in a while: a token may have been issued so much later. */
const usedSince = (since: number) => since - usedEvery

/** No time is later. Where a range has two ends, databases read it by its index, and not all that ever ended. */
const everAfter = Number.MAX_SAFE_INTEGER

/** People who took back something of which a token may be alive, the oldest accounts first; one more than are listed. */
async function peopleWhoRemoved({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<Remover[]> {
  const takenBackAt = sql<number | null>`max(case when revoked_by <> 'replaced' then revoked_at end)`
  const removers = db
    .selectFrom('consent_grant')
    .select((e) => ['tenant_id', 'user_id', e.fn.countAll().as('ended'), takenBackAt.as('at')])
    .where('tenant_id', '=', tenant)
    .where((e) => e.between('revoked_at', since, everAfter))
    .groupBy(['tenant_id', 'user_id'])
    .having(takenBackAt, 'is not', null)
    .having((e) => e(e.fn.max('last_used_at'), '>=', usedSince(since)))
  const rows = await db
    .selectFrom(removers.as('r'))
    .innerJoin('app_user as u', (join) => join.onRef('u.tenant_id', '=', 'r.tenant_id').onRef('u.id', '=', 'r.user_id'))
    .innerJoin('subject as s', (join) =>
      join.onRef('s.tenant_id', '=', 'r.tenant_id').onRef('s.user_id', '=', 'r.user_id'),
    )
    .select(['r.user_id as userId', 's.sub', 'r.ended', 'r.at'])
    .orderBy('u.created_at')
    .orderBy('r.user_id')
    .limit(limit + 1)
    .execute()
  return rows.map(({ userId, sub, ended, at }) => ({ userId, sub, ended: Number(ended), at: at ?? 0 }))
}

/** How many people are looked up in one statement. */
const batch = 500

async function grantsOf(unit: Unit, people: readonly Remover[], { since }: RevocationFilter): Promise<Revocation[]> {
  const listed: Revocation[] = []
  for (let first = 0; first < people.length; first += batch) {
    const ids = people.slice(first, first + batch).map(({ userId }) => userId)
    const ended = await endedGrants(unit, ids, since)
    const isReplaced = ({ revokedBy }: EndedGrant) => revokedBy === 'replaced'
    const revoked = ended.filter((grant) => !isReplaced(grant))
    for (const { id, lastUsedAt } of [...revoked, ...endedWithSuccessor(ended.filter(isReplaced), revoked)])
      if (lastUsedAt !== null && lastUsedAt >= usedSince(since)) listed.push({ kind: 'grant', value: id })
  }
  return listed
}

type EndedGrant = Pick<
  Grant,
  'id' | 'userId' | 'agent' | 'delegate' | 'resource' | 'lastUsedAt' | 'revokedAt' | 'revokedBy'
>

async function endedGrants({ db, tenant }: Unit, userIds: readonly string[], since: number): Promise<EndedGrant[]> {
  return db
    .selectFrom('consent_grant')
    .select(['id', 'user_id as userId', 'agent', 'delegate', 'resource'])
    .select(['last_used_at as lastUsedAt', 'revoked_at as revokedAt', 'revoked_by as revokedBy'])
    .where('tenant_id', '=', tenant)
    .where('user_id', 'in', userIds)
    .where('revoked_at', '>=', since)
    .execute()
}

type ByOperator = Revocation & { at: number }

// The audit knows when, by an index; the row of the agent or person, whether it still is so.
async function blockedAgents({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<ByOperator[]> {
  const rows = await db
    .selectFrom('audit_event as v')
    .innerJoin('agent as a', (join) =>
      join.onRef('a.tenant_id', '=', 'v.tenant_id').onRef('a.identifier', '=', 'v.agent'),
    )
    .select((e) => ['a.identifier', e.fn.max('v.at').as('at')])
    .where('v.tenant_id', '=', tenant)
    .where('v.event', '=', 'agent.blocked')
    .where('v.at', '>=', since)
    .where('a.blocked_at', 'is not', null)
    .groupBy('a.identifier')
    .orderBy('at', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ identifier, at }) => ({ kind: 'agent', value: identifier, at }))
}

async function disabledPeople({ db, tenant }: Unit, { since, limit }: RevocationFilter): Promise<ByOperator[]> {
  const rows = await db
    .selectFrom('audit_event as v')
    .innerJoin('app_user as u', (join) => join.onRef('u.tenant_id', '=', 'v.tenant_id').onRef('u.id', '=', 'v.user_id'))
    .innerJoin('subject as s', (join) => join.onRef('s.tenant_id', '=', 'u.tenant_id').onRef('s.user_id', '=', 'u.id'))
    .select((e) => ['s.sub', e.fn.max('v.at').as('at')])
    .where('v.tenant_id', '=', tenant)
    .where('v.event', '=', 'user.disabled')
    .where('v.at', '>=', since)
    .where('u.status', '=', 'disabled')
    .where('u.closed_at', 'is', null)
    .groupBy('s.sub')
    .orderBy('at', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ sub, at }) => ({ kind: 'sub', value: sub, at }))
}
