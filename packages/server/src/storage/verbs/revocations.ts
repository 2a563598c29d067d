import { sql } from 'kysely'
import type { Revocation, RevocationFilter, Revocations } from '../api/grant-storage.js'
import { usedEvery } from '../rows/grant-lists.js'
import { isOnHost } from '../rows/identifiers.js'
import type { Statement } from '../sql/engine.js'
import { idText } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'

export async function listRevocations(statement: Statement, filter: RevocationFilter): Promise<Revocations> {
  const { limit, perUser } = filter
  const [agents, disabled] = await Promise.all([blockedAgents(statement, filter), disabledUsers(statement, filter)])
  const ofOperator = [...agents, ...disabled]
  const isFull = ofOperator.length > limit
  const listed = isFull ? [] : ofOperator.map(({ kind, value }): Revocation => ({ kind, value }))
  const withGrants = await usersWithRevocations(statement, filter)
  const people = filter.families
    ? joinUsers([...withGrants, ...(await usersWithFamilies(statement, filter))], limit + 1)
    : withGrants
  const { single, byClient, together } = share(people, { places: limit - listed.length, perUser })
  return {
    revoked: [...listed, ...(await grantsOf(statement, [...single, ...byClient], filter))],
    families: filter.families ? await familiesOf(statement, single, filter) : [],
    clientsRevokedBefore: filter.families ? await clientsWithFamilies(statement, byClient, filter) : [],
    revokedBefore: together.map(({ sub, at }) => ({ sub, at })),
    before: isFull ? Math.max(...ofOperator.map(({ at }) => at)) : undefined,
    isWhole: people.length === single.length + byClient.length + together.length,
  }
}

interface RevokingUser {
  userId: number
  sub: string
  /** Number of grants and families that ended, including replaced grants. The user has at most this many entries. */
  ended: number
  /** Number of entries if the families of each client share one. */
  byClient: number
  /** When one of them was last revoked. */
  at: number
}

/**
 * Distributes the available entries among users. Each user first gets one, oldest accounts first. Then, for as long as entries are left,
 * users get one for each of their grants and families, starting with the users who revoked the fewest. If those are too many, the families of
 * each client share an entry, so that a client that revokes many families does not affect the user's other clients.
 */
function share(
  people: readonly RevokingUser[],
  { places, perUser }: { places: number; perUser: number },
): { single: RevokingUser[]; byClient: RevokingUser[]; together: RevokingUser[] } {
  const heard = people.slice(0, places)
  const single: RevokingUser[] = []
  const byClient: RevokingUser[] = []
  const together: RevokingUser[] = []
  let left = places - heard.length
  for (const person of heard.toSorted((one, other) => one.ended - other.ended)) {
    const fits = (entries: number) => entries <= perUser && entries - 1 <= left
    if (fits(person.ended)) {
      single.push(person)
      left -= person.ended - 1
    } else if (person.byClient < person.ended && fits(person.byClient)) {
      byClient.push(person)
      left -= person.byClient - 1
    } else together.push(person)
  }
  return { single, byClient, together }
}

/** Uses are written only at intervals, so a token may have been issued up to one interval after the recorded use. */
const usedSince = (since: number) => since - usedEvery

/**
 * No stored time is later than this. With an upper bound, databases read the range from their index instead of reading all grants that ever
 * ended.
 */
const everAfter = Number.MAX_SAFE_INTEGER

/**
 * Returns the users who revoked a grant under which a token may still be valid, oldest accounts first. Returns up to one more user than can
 * be listed.
 */
async function usersWithRevocations({ db }: Statement, { since, limit }: RevocationFilter): Promise<RevokingUser[]> {
  const lastRevokedAt = sql<number | null>`max(case when revoked_by <> 'replaced' then revoked_at end)`
  const removers = db
    .selectFrom('consent_grant')
    .select((e) => ['user_id', e.fn.countAll().as('ended'), lastRevokedAt.as('at')])
    .where((e) => e.between('revoked_at', since, everAfter))
    .groupBy('user_id')
    .having(lastRevokedAt, 'is not', null)
    .having((e) => e(e.fn.max('last_used_at'), '>=', usedSince(since)))
  const rows = await db
    .selectFrom(removers.as('r'))
    .innerJoin('app_user as u', 'u.id', 'r.user_id')
    .select(['u.id', 'u.sub', 'r.ended', 'r.at'])
    .orderBy('u.id')
    .limit(limit + 1)
    .execute()
  return rows.map(toRevokingUser)
}

/**
 * Revoked families with which a token may have been issued that is still valid. A family under a revoked grant is omitted, because the grant
 * is listed. The caller narrows the query.
 */
function revokedFamilies({ db }: Statement, { since }: RevocationFilter) {
  return db
    .selectFrom('refresh_token as t')
    .innerJoin('consent_grant as g', 'g.id', 't.grant_id')
    .where((e) => e.between('t.revoked_at', since, everAfter))
    .where('t.last_used_at', '>=', usedSince(since))
    .where('t.family', 'is not', null)
    .where('g.revoked_at', 'is', null)
}

/** Like {@link usersWithRevocations}, but for families. */
async function usersWithFamilies(statement: Statement, filter: RevocationFilter): Promise<RevokingUser[]> {
  const rows = await revokedFamilies(statement, filter)
    .innerJoin('app_user as u', 'u.id', 'g.user_id')
    .select((e) => ['u.id', 'u.sub', e.fn.countAll().as('ended'), e.fn.max('t.revoked_at').as('at')])
    .select((e) => e.fn.count('g.agent_id').distinct().as('clients'))
    .groupBy(['u.id', 'u.sub'])
    .orderBy('u.id')
    .limit(filter.limit + 1)
    .execute()
  return rows.map(toRevokingUser)
}

type UserRow = Readonly<{ id: number; sub: Uint8Array; ended: unknown; clients?: unknown; at: unknown }>

function toRevokingUser({ id, sub, ended, clients = ended, at }: UserRow): RevokingUser {
  return { userId: id, sub: idText(sub), ended: Number(ended), byClient: Number(clients), at: Number(at) }
}

/** Merges the entries of each user, and returns the oldest accounts. */
function joinUsers(people: readonly RevokingUser[], most: number): RevokingUser[] {
  const users = new Map<number, RevokingUser>()
  for (const person of people) {
    const { ended, byClient, at } = users.get(person.userId) ?? { ended: 0, byClient: 0, at: 0 }
    const sums = { ended: person.ended + ended, byClient: person.byClient + byClient }
    users.set(person.userId, { ...person, ...sums, at: Math.max(person.at, at) })
  }
  return [...users.values()].toSorted((one, other) => one.userId - other.userId).slice(0, most)
}

/** Number of users that one statement looks up. */
const batch = 500

async function grantsOf(
  statement: Statement,
  people: readonly RevokingUser[],
  { since }: RevocationFilter,
): Promise<Revocation[]> {
  const listed: Revocation[] = []
  for (const ids of batchesOf(people)) {
    const ended = await endedGrants(statement, ids, since)
    const isReplaced = (grant: EndedGrant) => grant.revoked_by === 'replaced'
    const revoked = ended.filter((grant) => !isReplaced(grant))
    for (const { public_id, last_used_at } of [...revoked, ...endedWithSuccessor(ended.filter(isReplaced), revoked)])
      if (last_used_at !== null && last_used_at >= usedSince(since))
        listed.push({ kind: 'grant', value: idText(public_id) })
  }
  return listed
}

async function familiesOf(
  statement: Statement,
  people: readonly RevokingUser[],
  filter: RevocationFilter,
): Promise<string[]> {
  const listed: string[] = []
  for (const ids of batchesOf(people)) {
    const rows = await revokedFamilies(statement, filter).where('g.user_id', 'in', ids).select('t.family').execute()
    listed.push(...rows.flatMap(({ family }) => (family ? idText(family) : [])))
  }
  return listed
}

/** Returns when a family of each client was last revoked. A grant may have been replaced since, so its id does not identify its tokens. */
async function clientsWithFamilies(
  statement: Statement,
  people: readonly RevokingUser[],
  filter: RevocationFilter,
): Promise<Revocations['clientsRevokedBefore']> {
  const listed: Revocations['clientsRevokedBefore'] = []
  for (const ids of batchesOf(people)) {
    const rows = await revokedFamilies(statement, filter)
      .innerJoin('app_user as u', 'u.id', 'g.user_id')
      .innerJoin('agent as a', 'a.id', 'g.agent_id')
      .where('g.user_id', 'in', ids)
      .select((e) => ['u.sub', 'a.identifier as client', e.fn.max('t.revoked_at').as('at')])
      .groupBy(['u.sub', 'a.identifier'])
      .execute()
    listed.push(...rows.map(({ sub, client, at }) => ({ sub: idText(sub), client, at: Number(at) })))
  }
  return listed
}

/** Returns the users' ids in parts that one statement can look up. */
function batchesOf(people: readonly RevokingUser[]): number[][] {
  const count = Math.ceil(people.length / batch)
  const ids = people.map(({ userId }) => userId)
  return Array.from({ length: count }, (_, index) => ids.slice(index * batch, (index + 1) * batch))
}

const endedColumns = [
  'public_id',
  'user_id',
  'agent_id',
  'delegate',
  'resource_id',
  'last_used_at',
  'revoked_at',
  'revoked_by',
] as const

type EndedGrant = Pick<Row<'consent_grant'>, (typeof endedColumns)[number]>

async function endedGrants({ db }: Statement, userIds: readonly number[], since: number): Promise<EndedGrant[]> {
  return db
    .selectFrom('consent_grant')
    .select(endedColumns)
    .where('user_id', 'in', userIds)
    .where('revoked_at', '>=', since)
    .execute()
}

/**
 * Returns the replaced grants whose successor was revoked. `revoked` are the grants that were revoked since a given time. A grant's
 * successor has the same parties and ended at the same time or later. The run time is proportional to the sizes of both lists, because
 * anyone can create thousands of grants by allowing the same request repeatedly.
 */
function endedWithSuccessor(replaced: readonly EndedGrant[], revoked: readonly EndedGrant[]): EndedGrant[] {
  const latest = new Map<string, number>()
  for (const grant of revoked) {
    const parties = partiesKey(grant)
    latest.set(parties, Math.max(latest.get(parties) ?? 0, grant.revoked_at ?? 0))
  }
  return replaced.filter((grant) => (latest.get(partiesKey(grant)) ?? -1) >= (grant.revoked_at ?? 0))
}

function partiesKey({ user_id, agent_id, delegate, resource_id }: EndedGrant): string {
  return JSON.stringify([user_id, agent_id, delegate, resource_id])
}

type ByOperator = Revocation & { at: number }

/** Blocked agents, and the agents on blocked hosts that may hold a valid token. */
async function blockedAgents(statement: Statement, filter: RevocationFilter): Promise<ByOperator[]> {
  const [named, onHosts] = await Promise.all([blockedByName(statement, filter), blockedByHost(statement, filter)])
  return [...named, ...onHosts].map(({ identifier, at }) => ({ kind: 'agent', value: identifier, at }))
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

/** Excludes users with closed accounts, because their grants are listed instead. */
async function disabledUsers({ db }: Statement, { since, limit }: RevocationFilter): Promise<ByOperator[]> {
  const rows = await db
    .selectFrom('app_user')
    .select(['sub', 'disabled_at as at'])
    .$narrowType<{ at: number }>()
    .where('disabled_at', '>=', since)
    .where('closed_at', 'is', null)
    .orderBy('disabled_at', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ sub, at }) => ({ kind: 'sub', value: idText(sub), at }))
}
