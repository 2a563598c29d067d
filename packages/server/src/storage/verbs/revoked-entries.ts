import type { Revocation, RevocationFilter, Revocations } from '../api/grant-storage.js'
import type { Statement } from '../sql/engine.js'
import { idText } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { usedSince } from './revoked-by-operator.js'
import { endedByResource, type RevokingUser, revokedFamilies, subject } from './revoking-users.js'

/** A subject of a user, and when something was last revoked under it. */
interface SubjectTime {
  user_id: number
  sub: Uint8Array
  at: number | null
}

/** Looks up the subjects of users, latest revocation first. */
type SubjectList = (userIds: readonly number[], limit: number) => Promise<SubjectTime[]>

/** Maximum number of subjects that one statement looks up. */
const subjectBatch = 10_000

/** Returns the latest subjects of users, up to the `most` of each. */
export async function subjectsOf(
  people: readonly (RevokingUser & { most: number })[],
  list: SubjectList,
): Promise<Revocations['revokedBefore']> {
  const listed: Revocations['revokedBefore'] = []
  for (const part of partsBySubjects(people)) {
    const ids = part.map(({ userId }) => userId)
    const found = new Map(ids.map((id): [number, Revocations['revokedBefore']] => [id, []]))
    for (const { user_id, sub, at } of await list(ids, subjectBatch))
      found.get(user_id)?.push({ sub: idText(sub), at: Number(at) })
    for (const { userId, most } of part) listed.push(...(found.get(userId) ?? []).slice(0, most))
  }
  return listed
}

/** Splits users into parts whose subjects one statement can look up. A user with more than that is alone. */
function partsBySubjects<T extends RevokingUser>(people: readonly T[]): T[][] {
  const parts: T[][] = []
  let room = 0
  for (const person of people) {
    const last = parts.at(-1)
    room -= person.subjects
    if (last && room >= 0 && last.length < batch) last.push(person)
    else {
      parts.push([person])
      room = subjectBatch - person.subjects
    }
  }
  return parts
}

/** The subjects under which users revoked something. */
export function endedSubjects(
  statement: Statement,
  filter: RevocationFilter,
  ...[ids, limit]: Parameters<SubjectList>
): Promise<SubjectTime[]> {
  return statement.db
    .selectFrom(endedByResource(statement, filter, ids).as('r'))
    .innerJoin('app_user as u', 'u.id', 'r.user_id')
    .leftJoin('resource_subject as b', (join) =>
      join.onRef('b.user_id', '=', 'r.user_id').onRef('b.resource_id', '=', 'r.resource_id'),
    )
    .select((e) => ['r.user_id', subject.as('sub'), e.fn.max('r.at').as('at')])
    .groupBy(['r.user_id', subject])
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
}

/** The subjects under which disabled users may have valid tokens. */
export function usedSubjects(
  { db }: Statement,
  { since }: RevocationFilter,
  ...[ids, limit]: Parameters<SubjectList>
): Promise<SubjectTime[]> {
  return db
    .selectFrom('consent_grant as g')
    .innerJoin('app_user as u', 'u.id', 'g.user_id')
    .leftJoin('resource_subject as b', (join) =>
      join.onRef('b.user_id', '=', 'g.user_id').onRef('b.resource_id', '=', 'g.resource_id'),
    )
    .where('g.user_id', 'in', ids)
    .where('g.last_used_at', '>=', usedSince(since))
    .select((e) => ['g.user_id', subject.as('sub'), e.fn.max('g.last_used_at').as('at')])
    .groupBy(['g.user_id', subject])
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()
}

/** Number of users that one statement looks up. */
const batch = 500

export async function grantsOf(
  statement: Statement,
  people: readonly RevokingUser[],
  filter: RevocationFilter,
): Promise<Revocation[]> {
  const listed: Revocation[] = []
  for (const ids of batchesOf(people)) {
    const ended = await endedGrants(statement, ids, filter)
    const isReplaced = (grant: EndedGrant) => grant.revoked_by === 'replaced'
    const revoked = ended.filter((grant) => !isReplaced(grant))
    for (const { public_id, last_used_at } of [...revoked, ...endedWithSuccessor(ended.filter(isReplaced), revoked)])
      if (last_used_at !== null && last_used_at >= usedSince(filter.since))
        listed.push({ kind: 'grant', value: idText(public_id) })
  }
  return listed
}

export async function familiesOf(
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

/** Returns when a family of each client was last revoked, for each subject. A grant may have been replaced since, so its id does not identify its tokens. */
export async function clientsWithFamilies(
  statement: Statement,
  people: readonly RevokingUser[],
  filter: RevocationFilter,
): Promise<Revocations['clientsRevokedBefore']> {
  const listed: Revocations['clientsRevokedBefore'] = []
  for (const ids of batchesOf(people)) {
    const rows = await revokedFamilies(statement, filter)
      .innerJoin('app_user as u', 'u.id', 'g.user_id')
      .innerJoin('agent as a', 'a.id', 'g.agent_id')
      .leftJoin('resource_subject as b', (join) =>
        join.onRef('b.user_id', '=', 'g.user_id').onRef('b.resource_id', '=', 'g.resource_id'),
      )
      .where('g.user_id', 'in', ids)
      .select((e) => [subject.as('sub'), 'a.identifier as client', e.fn.max('t.revoked_at').as('at')])
      .groupBy([subject, 'a.identifier'])
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

async function endedGrants(
  { db }: Statement,
  userIds: readonly number[],
  { since, without = [] }: RevocationFilter,
): Promise<EndedGrant[]> {
  return db
    .selectFrom('consent_grant')
    .select(endedColumns)
    .where('user_id', 'in', userIds)
    .where('revoked_at', '>=', since)
    .$if(without.length > 0, (query) => query.where('edition', 'not in', without))
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
