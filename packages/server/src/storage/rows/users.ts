import { type SelectQueryBuilder, sql } from 'kysely'
import { type Factor, probation, provingFactors } from '../api/account-storage.js'
import { shapesOf } from '../api/shapes-of.js'
import { type AsRead, foldUsername, type Subjects, type User } from '../api/user.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedInsertion, cachedQuery, idBytes, idText, type Placeholders, randomPart } from '../sql/kept-query.js'
import type { Tables } from '../sql/tables.js'
import { internResource } from './identifiers.js'

export async function findUser(statement: Statement, userId: string): Promise<User | undefined> {
  const row = await users(statement).where('u.public_id', '=', idBytes(userId)).executeTakeFirst()
  return row && toUser(row)
}

/** Returns a subquery for a user's id. It yields no row if the user does not exist. */
export function userIdOf({ db }: Statement, userId: string) {
  return db.selectFrom('app_user').select('id').where('public_id', '=', idBytes(userId))
}

export async function findUserId(statement: Statement, userId: string): Promise<number | undefined> {
  return (await userIdOf(statement, userId).executeTakeFirst())?.id
}

export async function findUserIdByName({ db }: Statement, username: string): Promise<number | undefined> {
  const named = db.selectFrom('app_user').select('id').where('username_key', '=', foldUsername(username))
  return (await named.executeTakeFirst())?.id
}

/** Whether a user is active and their credential revision is still the one that was read. */
export async function isUnchanged(unit: Unit, { userId, credentialRevision }: AsRead): Promise<boolean> {
  const active = await userIdOf(unit, userId)
    .where('disabled_at', 'is', null)
    .where('credential_revision', '=', credentialRevision)
    .executeTakeFirst()
  return active !== undefined
}

/** Locks a user before a change to how they sign in. Returns undefined if they are not active, or their record as read is outdated. */
export async function lockAsRead(unit: Unit, { userId, credentialRevision }: AsRead): Promise<FoundUser | undefined> {
  const user = await lockUser(unit, userId)
  return user?.disabled_at === null && user.credential_revision === credentialRevision ? user : undefined
}

/**
 * Makes verbs refuse everything that was previously read about a user. Locks the user's row, if it exists, and returns the new revision.
 */
export async function raiseCredentialRevision({ db }: Unit, user: IdOfUser): Promise<number | undefined> {
  const raised = await db
    .updateTable('app_user')
    .set((e) => ({ credential_revision: e('credential_revision', '+', 1) }))
    .where('id', '=', user)
    .returning('credential_revision')
    .executeTakeFirst()
  return raised?.credential_revision
}

type IdOfUser = number | SelectQueryBuilder<Tables, 'session', { id: number }>

/** Locks a user, so that no one else changes them before the end of the transaction. */
export async function lockUser(unit: Unit, userId: string): Promise<FoundUser | undefined> {
  return unit.locking(users(unit).where('u.public_id', '=', idBytes(userId)), { u: 'alone' }).executeTakeFirst()
}

/** Like {@link lockUser}, but for the user to whom another row belongs. */
export async function lockOwner(unit: Unit, id: number): Promise<FoundUser> {
  return unit.locking(users(unit).where('u.id', '=', id), { u: 'alone' }).executeTakeFirstOrThrow()
}

/** The user columns that {@link toUser} reads, under this alias. */
export function userColumns<A extends string>(alias: A) {
  return [
    `${alias}.public_id as user`,
    `${alias}.sub`,
    `${alias}.username`,
    `${alias}.email`,
    `${alias}.email_confirmed_at`,
    `${alias}.agent_emails_off`,
    `${alias}.display_name`,
    `${alias}.created_at as joined_at`,
    `${alias}.disabled_at`,
    `${alias}.closed_at`,
    `${alias}.credential_revision`,
  ] as const
}

/** Users. The caller narrows and joins the query. */
export function users({ db }: Pick<Parts, 'db'>) {
  return db.selectFrom('app_user as u').select('u.id').select(userColumns('u'))
}

/**
 * The subjects by which the resource and the agent of the grant `g` know its user `u`; null before the first token. The names of the columns
 * are those that {@link knownSubjects} reads.
 */
export const subjectColumns = [
  sql<Uint8Array | null>`(select coalesce(b.sub, u.sub) from resource_subject as b
    where b.user_id = g.user_id and b.resource_id = g.resource_id)`.as('resource_sub'),
  sql<Uint8Array | null>`(select coalesce(b.sub, u.sub) from agent_subject as b
    where b.user_id = g.user_id and b.agent_id = g.agent_id)`.as('agent_sub'),
] as const

/** A grant's row with {@link subjectColumns}. `sub` is the user's own subject. */
interface SubjectRow {
  user_id: number
  agent_id: number
  resource_id: number
  resource: string
  sub: Uint8Array
  resource_sub: Uint8Array | null
  agent_sub: Uint8Array | null
}

/** Returns the subjects for another token under a grant. The subject is the user's own if a server of an older schema issued the first one. */
export function knownSubjects({
  sub,
  resource_sub,
  agent_sub,
}: Pick<SubjectRow, 'sub' | 'resource_sub' | 'agent_sub'>): Subjects {
  return { sub: idText(resource_sub ?? sub), agentSub: idText(agent_sub ?? sub) }
}

/** Returns the subjects for a token under a grant, which may be the first for its resource or agent. They are not stored yet. */
export async function planSubjects(statement: Statement, row: SubjectRow): Promise<Subjects> {
  const { sub, resource_sub, agent_sub } = row
  if (resource_sub && agent_sub) return knownSubjects(row)
  const { user_id, agent_id, resource_id } = row
  const [earlier] = await earlierTokens(statement, { user_id, agent_id, resource_id, origin: originOf(row.resource) })
  const ofResource = earlier?.is_for_resource ? sub : (earlier?.origin_sub ?? randomPart())
  return {
    sub: idText(resource_sub ?? ofResource),
    agentSub: idText(agent_sub ?? (earlier?.is_for_agent ? sub : randomPart())),
  }
}

/**
 * By which subject the resource's origin knows the user, and whether a server of an older schema has issued a token to the resource or the
 * agent in the meantime.
 */
const earlierTokens = cachedQuery(
  ({ db }, of: Placeholders<Pick<SubjectRow, 'user_id' | 'agent_id' | 'resource_id'> & { origin: string }>) => {
    const issues = db
      .selectFrom('token_issue as t')
      .innerJoin('consent_grant as o', 'o.id', 't.grant_id')
      .select('t.id')
      .where('o.user_id', '=', of.user_id)
    const ofOrigin = db
      .selectFrom('resource_subject as b')
      .innerJoin('resource as s', 's.id', 'b.resource_id')
      .innerJoin('app_user as u', 'u.id', 'b.user_id')
      .select(sql<Uint8Array>`coalesce(b.sub, u.sub)`.as('sub'))
      .where('b.user_id', '=', of.user_id)
      .where('s.identifier', '=', of.origin)
    return db.selectNoFrom((e) => [
      e.exists(issues.where('o.resource_id', '=', of.resource_id)).as('is_for_resource'),
      e.exists(issues.where('o.agent_id', '=', of.agent_id)).as('is_for_agent'),
      ofOrigin.as('origin_sub'),
    ])
  },
)

/** Stores the subjects that {@link planSubjects} returned. Returns those that are stored, which may be from a concurrent first token. */
export async function storeSubjects(unit: Unit, row: SubjectRow, planned: Subjects): Promise<Subjects> {
  const { user_id, agent_id, sub } = row
  const [ofResource, ofAgent] = await Promise.all([
    row.resource_sub ? undefined : storeResourceSubject(unit, row, subjectBytes(row, planned.sub)),
    row.agent_sub ? undefined : agentSubjects(unit, [{ user_id, agent_id, sub: subjectBytes(row, planned.agentSub) }]),
  ])
  return {
    sub: idText(row.resource_sub ?? ofResource?.[0]?.sub ?? sub),
    agentSub: idText(row.agent_sub ?? ofAgent?.[0]?.sub ?? sub),
  }
}

/** Null if it is the user's own subject. */
function subjectBytes({ sub }: SubjectRow, text: string): Buffer | null {
  return text === idText(sub) ? null : idBytes(text)
}

/** Returns the origin of a resource, in one spelling; the identifier itself if it is not a URL. */
function originOf(identifier: string): string {
  const { origin } = URL.canParse(identifier) ? new URL(identifier) : { origin: 'null' }
  return origin === 'null' ? identifier : origin
}

/** Stores the subject for a resource, and first for its origin, whose other resources know the user by the same subject. */
async function storeResourceSubject(
  unit: Unit,
  { user_id, resource_id, resource }: SubjectRow,
  planned: Buffer | null,
) {
  const origin = originOf(resource)
  let sub: Uint8Array | null = planned
  if (origin !== resource) {
    const originId = await internResource(unit, origin)
    const [shared] = await resourceSubjects(unit, [{ user_id, resource_id: originId, sub: planned }])
    // A resource that already knows the user's own subject keeps it.
    if (planned && shared) ({ sub } = shared)
  }
  return resourceSubjects(unit, [{ user_id, resource_id, sub }])
}

const resourceSubjects = cachedInsertion('resource_subject', (insertion) =>
  insertion
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'resource_id']).doUpdateSet((e) => ({ user_id: e.ref('excluded.user_id') })),
    )
    .returning('sub'),
)

const agentSubjects = cachedInsertion('agent_subject', (insertion) =>
  insertion
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'agent_id']).doUpdateSet((e) => ({ user_id: e.ref('excluded.user_id') })),
    )
    .returning('sub'),
)

/** A user's row. */
export type FoundUser = Awaited<ReturnType<ReturnType<typeof users>['executeTakeFirstOrThrow']>>

/** Returns the user in a row with {@link userColumns}. */
export function toUser(row: Omit<FoundUser, 'id'>): User {
  const status = row.disabled_at === null ? 'active' : 'disabled'
  return {
    id: idText(row.user),
    username: row.username,
    displayName: row.display_name,
    email: row.email,
    emailConfirmedAt: row.email_confirmed_at,
    agentEmails: row.agent_emails_off === 0,
    status: row.closed_at === null ? status : 'closed',
    createdAt: row.joined_at,
    credentialRevision: row.credential_revision,
  }
}

export function listFactors(statement: Statement, userId: string): Promise<Factor[]> {
  return factorsOf(statement, { user: idBytes(userId) })
}

const factorsOf = cachedQuery(({ db }, of: Placeholders<{ user: Uint8Array }>) => {
  const user = db.selectFrom('app_user').select('id').where('public_id', '=', of.user)
  const passwords = db
    .selectFrom('credential')
    .select([sql.lit('password' as Factor['kind']).as('kind'), sql.lit('').as('id'), 'added_at as addedAt'])
    .where('user_id', '=', user)
  const passkeys = db
    .selectFrom('passkey')
    .select([sql.lit('passkey' as Factor['kind']).as('kind'), 'credential_id as id', 'created_at as addedAt'])
    .where('user_id', '=', user)
  const identities = db
    .selectFrom('federated_identity')
    .select([sql.lit('identity' as Factor['kind']).as('kind'), sql.lit('').as('id'), 'created_at as addedAt'])
    .where('user_id', '=', user)
  return passwords.unionAll(passkeys).unionAll(identities)
})

/** Whether a factor added at this time proves who its user is. Reads the user's other factors only if this one is new. */
export async function factorProves(
  statement: Statement & { now: number },
  userId: string,
  addedAt: number,
): Promise<boolean> {
  if (statement.now - addedAt >= probation) return true
  const factors = await listFactors(statement, userId)
  return provingFactors(factors, statement.now).some((factor) => factor.addedAt === addedAt)
}

/**
 * Returns a username's skeletons. Usernames that look alike have at least one skeleton in common (UTS 39, skeletons). One skeleton is for
 * the name as typed, in which a capital I looks like an l. One is for the name in lowercase, because anyone may type it that way. In a
 * third, a 1 counts as an i instead of an l. The skeletons with capitals are for the name's capital letters, whose shapes also occur in
 * other alphabets and as small capitals.
 */
export function usernameSkeletons(username: string): string[] {
  const small = username.toLowerCase()
  const inSmall = [username, small, small.replaceAll('1', 'i')].map((name) => shapesOf(shapesOf(name).toLowerCase()))
  const inCapitals = [username, username.toUpperCase()].map(shapesOf)
  return [...new Set([...inSmall, ...inCapitals])]
}
