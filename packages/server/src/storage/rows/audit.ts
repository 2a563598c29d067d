import { sql } from 'kysely'
import type { AuditEventName } from '../api/audit-events.js'
import type { AuditEvent, AuditStorage, EventFilter, NewEvent, RecordedEvent } from '../api/audit-storage.js'
import type { EmailDetails, NoticeKind } from '../api/email-storage.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { cachedInsertion, cachedQuery, generateId, idBytes, idText, type Placeholders } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { agentIdOf, internAgent, internResource, resourceIdOf } from './identifiers.js'
import { findUserId, findUserIdByName, userIdOf } from './users.js'

/** An event, with the internal ids of the rows that it is about. */
export interface AuditEntry<Name extends string = AuditEventName> extends Pick<AuditEvent, 'data'> {
  event: Name
  ip?: string | null | undefined
  userId?: number | null | undefined
  agentId?: number | undefined
  resourceId?: number | undefined
  /** Public ids, which outlive their rows. */
  grant?: Uint8Array | undefined
  request?: Uint8Array | undefined
}

/** Writes an event that the server itself causes, and queues the email that notifies the user, if there is one. */
export async function writeEvent(unit: Unit, happening: AuditEntry): Promise<void> {
  await writeNamed(unit, happening)
  const notice = noticeOf(happening)
  if (notice && happening.userId != null) await queueNotice(unit, happening.userId, notice)
}

/** The events of which users are notified by email, because someone else may have caused them. */
const notices: Partial<Record<AuditEventName, NoticeKind>> = {
  'password.changed': 'password_changed',
  'passkey.added': 'passkey_added',
  'passkey.removed': 'passkey_removed',
  'identity.linked': 'identity_linked',
  'identity.unlinked': 'identity_unlinked',
  'factor.added': 'factor_added',
  'factor.removed': 'factor_removed',
  'device.connected': 'device_connected',
}

function noticeOf({ event, data }: AuditEntry): NoticeKind | undefined {
  if (event === 'session.created') return data?.newDevice === true ? 'new_device' : undefined
  return notices[event]
}

/** Queues an email to a user whose address is confirmed, in the language in which they confirmed it; `address`: sent there in any case. */
export async function queueNotice(
  unit: Unit,
  userId: number,
  kind: NoticeKind,
  { address, about }: { address?: string | null | undefined; about?: EmailDetails } = {},
): Promise<void> {
  const [user] = await userToNotify(unit, { userId })
  if (!user) return
  const { username_key, email_language } = user
  await insertEmail(unit, { kind, username_key, language: email_language ?? '', address: address ?? undefined, about })
}

const userToNotify = cachedQuery(({ db }, { userId }: Placeholders<{ userId: number }>) =>
  db
    .selectFrom('app_user')
    .select(['username_key', 'email_language'])
    .where('id', '=', userId)
    .where('email_confirmed_at', 'is not', null),
)

/** Adds an email to the queue, to be sent now. */
export async function insertEmail(
  { db, now }: Unit,
  {
    about,
    ...email
  }: Pick<Row<'email'>, 'kind' | 'username_key' | 'language'> & {
    address?: string | undefined
    about?: EmailDetails | undefined
  },
): Promise<void> {
  const waiting = { due_at: now, claimed_at: null, attempts: 0, outcome: null, settled_at: null }
  await db
    .insertInto('email')
    .values({
      ...email,
      address: email.address ?? null,
      about: about ? JSON.stringify(about) : null,
      ...waiting,
      public_id: generateId(),
      created_at: now,
    })
    .execute()
}

async function writeNamed(unit: Unit, happening: AuditEntry<string>): Promise<void> {
  const { event, userId, agentId, resourceId, grant, request, ip, data } = happening
  const row = {
    at: unit.now,
    event,
    user_id: userId ?? null,
    agent_id: agentId ?? null,
    resource_id: resourceId ?? null,
    grant_public_id: grant ?? null,
    request_public_id: request ?? null,
    ip: ip ?? null,
    data: data ? JSON.stringify(data) : null,
  }
  await eventInsertion(unit, [row])
}

const eventInsertion = cachedInsertion('audit_event')

/** Returns who performed an action, for the event's data; undefined if it was the user whom the event is about. */
export function actorOf(by: string | undefined): { by: string } | undefined {
  return by === undefined ? undefined : { by }
}

function findSubject(unit: Unit, { userId, username }: NewEvent): Promise<number | undefined> {
  if (username !== undefined) return findUserIdByName(unit, username)
  return userId === undefined ? Promise.resolve(undefined) : findUserId(unit, userId)
}

export async function recordEvent(unit: Unit, event: NewEvent): Promise<void> {
  const { userId, agent, resource, grantId, requestId } = event
  const ofUser = await findSubject(unit, event)
  if (userId !== undefined && ofUser === undefined) throw new TypeError('the event’s user does not exist')
  await writeNamed(unit, {
    event: event.event,
    ip: event.ip,
    data: event.data,
    userId: ofUser,
    agentId: agent === undefined ? undefined : await internAgent(unit, agent),
    resourceId: resource === undefined ? undefined : await internResource(unit, resource),
    grant: grantId === undefined ? undefined : idBytes(grantId),
    request: requestId === undefined ? undefined : idBytes(requestId),
  })
}

export async function listEvents(statement: Statement, filter: EventFilter = {}): Promise<RecordedEvent[]> {
  const { userId, agent, resource, event, since, until, after, limit = 1000, newest = false } = filter
  if (event?.length === 0) return []
  const others = [resource, since, until, after, newest || undefined]
  if (
    userId !== undefined &&
    agent !== undefined &&
    typeof event === 'string' &&
    others.every((one) => one === undefined)
  )
    return (await eventsOfPair(statement, { user: idBytes(userId), agent, event, limit })).map(toEvent)
  let query = events(statement)
  if (userId !== undefined) query = query.where('e.user_id', '=', userIdOf(statement, userId))
  if (agent !== undefined) query = query.where('e.agent_id', '=', agentIdOf(statement, agent))
  if (resource !== undefined) query = query.where('e.resource_id', '=', resourceIdOf(statement, resource))
  if (event !== undefined) query = query.where('e.event', 'in', typeof event === 'string' ? [event] : event)
  if (since !== undefined) query = query.where('e.at', '>=', since)
  if (since !== undefined && after === undefined && !newest)
    query = query.where('e.id', '>=', firstSince(statement, since))
  if (until !== undefined) query = query.where('e.at', '<', until)
  if (after !== undefined) query = query.where('e.id', newest ? '<' : '>', eventNumber(after.id))
  const rows = await query
    .orderBy('e.id', newest ? 'desc' : 'asc')
    .limit(limit)
    .execute()
  return rows.map(toEvent)
}

/** Read for every consent page. */
const eventsOfPair = cachedQuery(
  (parts, of: Placeholders<{ user: Uint8Array; agent: string; event: string; limit: number }>) =>
    events(parts)
      .where('e.user_id', '=', parts.db.selectFrom('app_user').select('id').where('public_id', '=', of.user))
      .where('e.agent_id', '=', agentIdOf(parts, of.agent))
      .where('e.event', '=', of.event)
      .orderBy('e.id')
      .limit(of.limit),
)

/** Implements {@link AuditStorage.listSinceDenial}. Most users have denied an agent nothing. */
export async function listSinceDenial(
  statement: Statement,
  { userId, agent, since }: Parameters<AuditStorage['listSinceDenial']>[0],
): Promise<RecordedEvent[]> {
  const [first] = await firstDenial(statement, { user: idBytes(userId), agent, since })
  if (!first) return []
  const event = ['request.denied', 'request.allowed'] satisfies AuditEventName[]
  return listEvents(statement, { userId, agent, event, since: first.at, limit: Number.MAX_SAFE_INTEGER })
}

const firstDenial = cachedQuery(({ db }, of: Placeholders<{ user: Uint8Array; agent: string; since: number }>) =>
  db
    .selectFrom('audit_event')
    .select('at')
    // A literal, to match the index.
    .where('event', '=', sql.lit('request.denied'))
    .where('user_id', '=', db.selectFrom('app_user').select('id').where('public_id', '=', of.user))
    .where('agent_id', '=', db.selectFrom('agent').select('id').where('identifier', '=', of.agent))
    .where('at', '>=', of.since)
    .orderBy('at')
    .limit(1),
)

/**
 * Returns the id at which a list starts. For `min(id)`, SQLite would read all earlier events; for this expression, it uses the time index.
 */
function firstSince({ db }: Statement, since: number) {
  return db.selectFrom('audit_event').select(sql<number>`min(id + 0)`.as('id')).where('at', '>=', since)
}

function events({ db }: Parts) {
  return db
    .selectFrom('audit_event as e')
    .leftJoin('app_user as u', 'u.id', 'e.user_id')
    .leftJoin('agent as a', 'a.id', 'e.agent_id')
    .leftJoin('resource as s', 's.id', 'e.resource_id')
    .select(['e.id', 'e.at', 'e.event', 'e.grant_public_id', 'e.request_public_id', 'e.ip', 'e.data'])
    .select(['u.public_id as user', 'a.identifier as agent', 's.identifier as resource'])
}

/** Returns an event's number; null for an invalid id, so that no event comes before or after it. */
function eventNumber(id: string): number | null {
  return /^\d{1,15}$/.test(id) ? Number(id) : null
}

function toEvent(row: Awaited<ReturnType<ReturnType<typeof events>['executeTakeFirstOrThrow']>>): RecordedEvent {
  const { user, grant_public_id: grant, request_public_id: request } = row
  return {
    id: String(row.id),
    at: row.at,
    event: row.event,
    ...(user !== null && { userId: idText(user) }),
    ...(row.agent !== null && { agent: row.agent }),
    ...(row.resource !== null && { resource: row.resource }),
    ...(grant !== null && { grantId: idText(grant) }),
    ...(request !== null && { requestId: idText(request) }),
    ...(row.ip !== null && { ip: row.ip }),
    ...(row.data !== null && { data: JSON.parse(row.data) }),
  }
}
