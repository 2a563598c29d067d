import type { RawBuilder } from 'kysely'
import {
  type AuthenticationMethod,
  authenticationMethods,
  type ListedSession,
  type NewSession,
  type Reauthentication,
  type Session,
} from '../api/session-storage.js'
import { type AuditEntry, actorOf, writeEvent } from '../rows/audit.js'
import { isUseDue } from '../rows/grant-lists.js'
import { factorProves, lockAsRead, lockUser, raiseCredentialRevision, toUser, userIdOf, users } from '../rows/users.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedQuery, generateId, hashBytes, hashText, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import { endDeviceCodes } from './devices.js'
import { rememberDevice } from './throttle.js'

export async function createSession(unit: Unit, session: NewSession): Promise<Session | undefined> {
  const { db, now } = unit
  const user = await lockAsRead(unit, session)
  if (!user) return undefined
  if (session.replaces !== undefined) await removeSession(unit, session.replaces)
  const expiresAt = now + session.lifetime
  const proves = await factorProves(unit, session.userId, session.factorAddedAt)
  const authTime = proves ? Math.min(now, session.authTime ?? now) : 0
  const made = await db
    .insertInto('session')
    .values({
      public_id: generateId(),
      id_hash: hashBytes(session.idHash),
      user_id: user.id,
      created_at: now,
      amr: session.amr?.join(' ') ?? null,
      authenticated_at: authTime,
      proved_for: session.provedFor === undefined ? null : hashBytes(session.provedFor),
      last_seen_at: now,
      idle_seconds: session.idleSeconds,
      idle_expires_at: Math.min(now + session.idleSeconds, expiresAt),
      expires_at: expiresAt,
      ip: session.ip ?? null,
      user_agent: session.userAgent ?? null,
    })
    .returning(['id', 'public_id', 'amr', 'proved_for'])
    .executeTakeFirstOrThrow()
  const { browserHash } = session
  const newDevice = browserHash !== undefined && (await rememberDevice(unit, user.id, browserHash))
  await writeEvent(unit, {
    event: 'session.created',
    userId: user.id,
    ip: session.ip,
    data: { userAgent: session.userAgent ?? null, ...(newDevice && { newDevice }) },
  })
  await endOldest(unit, user.id, made.id, session.most)
  return {
    id: idText(made.public_id),
    user: toUser(user),
    authTime,
    amr: toMethods(made.amr),
    provedFor: toHash(made.proved_for),
    expiresAt,
  }
}

async function endOldest(unit: Unit, userId: number, newest: number, most: number): Promise<void> {
  const { db, now } = unit
  const ended = await db
    .deleteFrom('session')
    .where('id', 'in', (e) =>
      e
        .selectFrom('session')
        .select('id')
        .where('user_id', '=', userId)
        .where('id', '!=', newest)
        .where('idle_expires_at', '>', now)
        .orderBy('id', 'desc')
        .limit(Number.MAX_SAFE_INTEGER)
        .offset(most - 1),
    )
    .returning('public_id')
    .execute()
  for (const { public_id } of ended) {
    await writeEvent(unit, { event: 'session.ended', userId, data: { session: idText(public_id), by: 'limit' } })
  }
}

/** A live session. */
export interface FoundSession {
  session: Session
  /** What must be recorded about the session, unless it was recorded recently. */
  seen: { id: number; at: number } | undefined
}

export async function findSession(statement: Statement, idHash: string): Promise<FoundSession | undefined> {
  const [row] = await liveSession(statement, { idHash: hashBytes(idHash) })
  return row && foundSession(row)
}

export function foundSession(row: LiveRow): FoundSession {
  const isDue = isUseDue(row.last_seen_at, row.read_at)
  return { session: toSession(row), seen: isDue ? { id: row.session_id, at: row.read_at } : undefined }
}

/** The session columns that {@link foundSession} reads. */
export const sessionColumns = [
  'e.id as session_id',
  'e.public_id as session',
  'e.authenticated_at',
  'e.amr',
  'e.proved_for',
  'e.expires_at as session_expires_at',
  'e.idle_seconds',
  'e.last_seen_at',
] as const

function liveSessions(parts: Parts, idHash: RawBuilder<Uint8Array>) {
  return users(parts)
    .innerJoin('session as e', 'e.user_id', 'u.id')
    .select(sessionColumns)
    .select(parts.clock.as('read_at'))
    .where('e.id_hash', '=', idHash)
    .where('e.idle_expires_at', '>', parts.clock)
    .where('u.disabled_at', 'is', null)
}

const liveSession = cachedQuery((parts, { idHash }: Placeholders<{ idHash: Uint8Array }>) =>
  liveSessions(parts, idHash),
)

/** Like {@link liveSession}, but locks the session and its user. */
const lockedSession = cachedQuery((parts, { idHash }: Placeholders<{ idHash: Uint8Array }>) =>
  parts.locking(liveSessions(parts, idHash), { u: 'shared', e: 'alone' }),
)

/** A live session and its user. */
export type LiveRow = Omit<Awaited<ReturnType<typeof liveSession>>[number], 'id'>

function toSession(row: LiveRow): Session {
  return {
    id: idText(row.session),
    user: toUser(row),
    authTime: row.authenticated_at,
    amr: toMethods(row.amr),
    provedFor: toHash(row.proved_for),
    expiresAt: row.session_expires_at,
  }
}

function toHash(bytes: Uint8Array | null): string | null {
  return bytes && hashText(bytes)
}

export async function endSession(unit: Unit, idHash: string): Promise<void> {
  const { db } = unit
  await raiseCredentialRevision(
    unit,
    db.selectFrom('session').select('user_id as id').where('id_hash', '=', hashBytes(idHash)),
  )
  await removeSession(unit, idHash)
}

async function removeSession(unit: Unit, idHash: string): Promise<void> {
  const ended = await unit.db
    .deleteFrom('session')
    .where('id_hash', '=', hashBytes(idHash))
    .returning('user_id')
    .executeTakeFirst()
  if (ended) await writeEvent(unit, { event: 'session.ended', userId: ended.user_id })
}

export async function listSessions(
  statement: Statement,
  { userId, currentIdHash }: { userId: string; currentIdHash?: string | undefined },
): Promise<ListedSession[]> {
  const rows = await statement.db
    .selectFrom('session')
    .selectAll()
    .where('user_id', '=', userIdOf(statement, userId))
    .where('idle_expires_at', '>', statement.clock)
    .orderBy('last_seen_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => ({
    id: idText(row.public_id),
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    authTime: row.authenticated_at,
    amr: toMethods(row.amr),
    expiresAt: row.expires_at,
    ip: row.ip,
    userAgent: row.user_agent,
    current: hashText(row.id_hash) === currentIdHash,
  }))
}

export async function endSessionById(
  unit: Unit,
  { userId, id, by }: { userId: string; id: string; by?: string | undefined },
): Promise<boolean> {
  const user = await lockUser(unit, userId)
  if (!user) return false
  const ended = await unit.db
    .deleteFrom('session')
    .where('user_id', '=', user.id)
    .where('public_id', '=', idBytes(id))
    .returning('user_id')
    .executeTakeFirst()
  if (!ended) return false
  await raiseCredentialRevision(unit, user.id)
  await endDeviceCodes(unit, user.id)
  await writeEvent(unit, { event: 'session.ended', userId: user.id, data: { session: id, ...actorOf(by) } })
  return true
}

export async function endSessions(
  unit: Unit,
  { userId, exceptIdHash, by }: { userId: string; exceptIdHash?: string | undefined; by?: string | undefined },
): Promise<number> {
  const user = await lockUser(unit, userId)
  if (!user) return 0
  await raiseCredentialRevision(unit, user.id)
  const ended = await removeSessions(unit, user.id, exceptIdHash)
  if (ended > 0)
    await writeEvent(unit, {
      event: 'sessions.ended',
      userId: user.id,
      data: { count: ended, others: exceptIdHash !== undefined || undefined, ...actorOf(by) },
    })
  return ended
}

/** A change to how a user signs in, as recorded in the audit log. */
interface CredentialChange {
  event: AuditEntry['event']
  /** The operator who made the change; undefined if the user did. */
  by?: string | undefined
  data?: Record<string, unknown>
  /** The sessions that the user's own change ends: none, or all but the one whose id has this hash. An operator's change ends all. */
  ends?: { exceptIdHash: string | undefined }
}

/**
 * Completes a change to how a user signs in, in the same transaction: verbs no longer accept what was previously read about the user, links
 * for a new password no longer work, an operator's change signs the user out everywhere, and the audit log records the change. Returns the
 * new revision.
 */
export async function recordCredentialChange(
  unit: Unit,
  userId: number,
  { event, by, data, ends }: CredentialChange,
): Promise<number | undefined> {
  const revision = await raiseCredentialRevision(unit, userId)
  await unit.db.deleteFrom('one_time_link').where('user_id', '=', userId).execute()
  const except = by === undefined ? ends : { exceptIdHash: undefined }
  const sessionsEnded = except && (await removeSessions(unit, userId, except.exceptIdHash))
  await writeEvent(unit, { event, userId, data: { ...data, ...(except && { sessionsEnded }), ...actorOf(by) } })
  return revision
}

/** Removes sessions, and codes for devices that may have been made in them. Whoever lost their session must not connect a device. */
async function removeSessions(unit: Unit, userId: number, exceptIdHash?: string): Promise<number> {
  const { db } = unit
  await endDeviceCodes(unit, userId)
  let removal = db.deleteFrom('session').where('user_id', '=', userId)
  if (exceptIdHash !== undefined) removal = removal.where('id_hash', '!=', hashBytes(exceptIdHash))
  const { numDeletedRows } = await removal.executeTakeFirst()
  return Number(numDeletedRows)
}

/** Implements {@link SessionStorage.reauthenticate}: returns undefined if the session has expired, or if the user's record has changed. */
export async function reauthenticate(unit: Unit, renewal: Reauthentication): Promise<Session | undefined> {
  const { db, now } = unit
  const idHash = hashBytes(renewal.idHash)
  const [row] = await lockedSession(unit, { idHash })
  if (!row || row.credential_revision !== renewal.credentialRevision) return undefined
  const proves = await factorProves(unit, idText(row.user), renewal.factorAddedAt)
  const authTime = proves ? now : row.authenticated_at
  const amr = proves ? (renewal.amr?.join(' ') ?? row.amr) : row.amr
  const ofRenewal = renewal.provedFor === undefined ? null : hashBytes(renewal.provedFor)
  const provedFor = proves ? ofRenewal : row.proved_for
  await db
    .updateTable('session')
    .set({
      id_hash: hashBytes(renewal.newIdHash),
      authenticated_at: authTime,
      amr,
      proved_for: provedFor,
      last_seen_at: now,
      idle_expires_at: Math.min(now + row.idle_seconds, row.session_expires_at),
    })
    .where('id', '=', row.session_id)
    .execute()
  await writeEvent(unit, { event: 'session.reauthenticated', userId: row.id })
  return toSession({ ...row, authenticated_at: authTime, amr, proved_for: provedFor })
}

function toMethods(amr: string | null): AuthenticationMethod[] {
  const methods = (amr ?? '').split(' ')
  return authenticationMethods.filter((method) => methods.includes(method))
}
