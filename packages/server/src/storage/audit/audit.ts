import { generateId } from '../engines/generate-id.js'
import type { AuditEventRow } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import type { AuditEvent, EventFilter, RecordedEvent } from './audit-storage.js'

export async function writeEvent({ db, tenant, now }: Unit, event: AuditEvent): Promise<void> {
  await db
    .insertInto('audit_event')
    .values({
      tenant_id: tenant,
      at: now,
      id: generateId(),
      event: event.event,
      user_id: event.userId ?? null,
      agent: event.agent ?? null,
      resource: event.resource ?? null,
      grant_id: event.grantId ?? null,
      request_id: event.requestId ?? null,
      ip: event.ip ?? null,
      data: event.data ? JSON.stringify(event.data) : null,
    })
    .execute()
}

export async function listEvents({ db, tenant }: Unit, filter: EventFilter = {}): Promise<RecordedEvent[]> {
  const { userId, agent, event, after, limit = 1000, newest = false } = filter
  let query = db.selectFrom('audit_event').selectAll().where('tenant_id', '=', tenant)
  if (userId !== undefined) query = query.where('user_id', '=', userId)
  if (agent !== undefined) query = query.where('agent', '=', agent)
  if (event !== undefined) query = query.where('event', '=', event)
  if (after !== undefined) {
    const { at, id } = after
    const beyond = newest ? '<' : '>'
    query = query
      .where('at', newest ? '<=' : '>=', at)
      .where((e) => e.or([e('at', beyond, at), e.and([e('at', '=', at), e('id', beyond, id)])]))
  }
  const direction = newest ? 'desc' : 'asc'
  const rows = await query.orderBy('at', direction).orderBy('id', direction).limit(limit).execute()
  return rows.map(toEvent)
}

function toEvent(row: AuditEventRow): RecordedEvent {
  return {
    id: row.id,
    at: row.at,
    event: row.event,
    ...(row.user_id !== null && { userId: row.user_id }),
    ...(row.agent !== null && { agent: row.agent }),
    ...(row.resource !== null && { resource: row.resource }),
    ...(row.grant_id !== null && { grantId: row.grant_id }),
    ...(row.request_id !== null && { requestId: row.request_id }),
    ...(row.ip !== null && { ip: row.ip }),
    ...(row.data !== null && { data: JSON.parse(row.data) }),
  }
}
