import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { maxUnallowedLogos, retention } from '../api/deployment-storage.js'
import type { StorageOptions } from '../api/storage.js'
import { writeEvent } from '../rows/audit.js'
import { deleteUnreferenced, type SharedId } from '../rows/identifiers.js'
import type { Engine, Unit } from '../sql/engine.js'
import { idText } from '../sql/kept-query.js'
import type { Tables } from '../sql/tables.js'
import { removeUnusedBinding } from './bindings.js'
import { disconnectDevice } from './devices.js'
import { forgetNonces } from './nonces.js'

/** Number of rows that a transaction deletes. In the meantime, a SQLite file accepts no other writes, and its process does nothing else. */
const batch = 200

/** Deletes some rows that are past their retention, and returns how many it deleted. */
type Deletion = (unit: Unit) => Promise<number>

interface Over {
  table: keyof Tables
  /** @default id */
  key?: readonly string[]
  isOver: (now: number) => RawBuilder<SqlBool>
  /** The referenced rows that may become unreferenced when these rows are deleted. */
  names?: readonly SharedId[]
}

const isUnreferenced = sql<SqlBool>`not exists (select 1 from code as c where c.grant_id = consent_grant.id)
  and not exists (select 1 from token_issue as t where t.grant_id = consent_grant.id)`

/** Whether the agent with this id has never been allowed anything. */
function isNeverAllowed(id: string): RawBuilder<SqlBool> {
  return sql`not exists (select 1 from consent_grant as g where g.agent_id = ${sql.ref(id)})`
}

const hasNoCode = sql<SqlBool>`not exists (select 1 from code as c where c.request_id = auth_request.id)`

/** The rows that may be deleted from each table. The order matters: rows come before the rows that they belong to. */
const over: readonly Over[] = [
  { table: 'session', isOver: (now) => sql`idle_expires_at <= ${now}` },
  { table: 'one_time_link', isOver: (now) => sql`expires_at <= ${now}` },
  { table: 'email', isOver: (now) => sql`due_at <= ${now - retention.email}` },
  { table: 'email', isOver: (now) => sql`settled_at <= ${now - retention.email}` },
  { table: 'device', isOver: (now) => sql`connected_at is null and code_expires_at <= ${now}` },
  { table: 'device', isOver: (now) => sql`disconnected_at <= ${now - retention.device}` },
  {
    table: 'received_revocation',
    key: ['issuer', 'jti'],
    isOver: (now) => sql`expires_at <= ${now - retention.revocation}`,
  },
  { table: 'agent_token', key: ['issuer', 'jti'], isOver: (now) => sql`expires_at <= ${now - retention.revocation}` },
  { table: 'registered_client', key: ['client_id'], isOver: (now) => sql`expires_at <= ${now}` },
  { table: 'attempt', key: ['key_hash'], isOver: (now) => sql`reset_at <= ${now}` },
  {
    table: 'known_device',
    key: ['user_id', 'browser_hash'],
    isOver: (now) => sql`last_seen_at <= ${now - retention.device}`,
  },
  { table: 'code', key: ['request_id'], isOver: (now) => sql`expires_at <= ${now - retention.code}` },
  {
    table: 'auth_request',
    isOver: (now) => sql`expires_at <= ${now - retention.request} and ${hasNoCode}`,
    // Its agent and resource are referenced by its events, which are stored for longer.
    names: ['display_id'],
  },
  { table: 'token_issue', isOver: (now) => sql`expires_at <= ${now - retention.issue}` },
  { table: 'refresh_token', isOver: (now) => sql`revoked_at <= ${now - retention.refreshToken}` },
  { table: 'refresh_token', isOver: (now) => sql`idle_expires_at <= ${now - retention.refreshToken}` },
  { table: 'grant_usage_day', key: ['grant_id', 'day_at'], isOver: (now) => sql`day_at <= ${now - retention.usage}` },
]

function deletion({ table, key = ['id'], isOver, names = [] }: Over): Deletion {
  const keys = sql.join(key.map((column) => sql.ref(column)))
  const named = names.length === 0 ? sql`1 as one` : sql.join(names.map((column) => sql.ref(column)))
  return async (unit) => {
    const { rows } = await sql<Partial<Record<SharedId, number | null>>>`
      delete from ${sql.table(table)} where (${keys}) in (
        select ${keys} from ${sql.table(table)} where ${isOver(unit.now)} limit ${batch}) returning ${named}`.execute(
      unit.db,
    )
    for (const name of names) await deleteUnreferenced(unit, name, [...new Set(rows.flatMap((row) => row[name] ?? []))])
    return rows.length
  }
}

/**
 * Deletes grants that ended long ago, and the bindings of agents that then have no grant from their user: they act for no one. Locks the users
 * first, so that none of them allows such an agent in the meantime.
 */
function deleteGrants(end: 'revoked_at' | 'expires_at'): Deletion {
  return async (unit) => {
    const { db, now } = unit
    const isOver = sql<SqlBool>`${sql.ref(end)} <= ${now - retention.grant} and ${isUnreferenced}`
    const found = await db.selectFrom('consent_grant').select(['id', 'user_id']).where(isOver).limit(batch).execute()
    if (found.length === 0) return 0
    const users = [...new Set(found.map(({ user_id: userId }) => userId))]
    await unit.lockRows('alone', db.selectFrom('app_user').select('id').where('id', 'in', users).orderBy('id'))
    const ids = found.map(({ id }) => id)
    const deleted = await db
      .deleteFrom('consent_grant')
      .where('id', 'in', ids)
      .where(isOver)
      .returning(['user_id', 'edition', 'agent_id', 'delegate', 'resource_id', 'display_id'])
      .execute()
    for (const grant of deleted) await removeUnusedBinding(unit, grant)
    for (const name of ['agent_id', 'resource_id', 'display_id'] as const)
      await deleteUnreferenced(unit, name, [...new Set(deleted.map((grant) => grant[name]))])
    return deleted.length
  }
}

/** Disconnects devices whose time is over, so that their grants end with them. */
async function disconnectExpired(unit: Unit): Promise<number> {
  const { db, now } = unit
  const over = await db
    .selectFrom('device')
    .select('public_id')
    .where('expires_at', '<=', now)
    .where('disconnected_at', 'is', null)
    .limit(batch)
    .execute()
  for (const { public_id: id } of over) await disconnectDevice(unit, { id: idText(id), by: 'expired' })
  return over.length
}

/** Forgets agents that were never allowed anything and have not been seen for a long time. Other rows may still reference these agents. */
async function forgetAgents(unit: Unit): Promise<number> {
  const { db, now } = unit
  const forgotten = await db
    .updateTable('agent')
    .set({ first_seen_at: null, last_seen_at: null, name: null, redirect_hosts: null, key_thumbprints: null })
    .where('id', 'in', (e) =>
      e
        .selectFrom('agent as a')
        .select('a.id')
        .where('a.last_seen_at', '<=', now - retention.agent)
        .where('a.blocked_at', 'is', null)
        .where(isNeverAllowed('a.id'))
        .limit(batch),
    )
    .returning('id')
    .execute()
  const ids = forgotten.map(({ id }) => id)
  if (ids.length === 0) return 0
  await db.deleteFrom('agent_logo').where('agent_id', 'in', ids).execute()
  await deleteUnreferenced(unit, 'agent_id', ids)
  return ids.length
}

/** First writes the event that records the deletion, because the newest event tells the database which events are old enough to delete. */
async function announceDeletion(unit: Unit): Promise<number> {
  const { db, now } = unit
  const before = now - retention.event
  const oldest = await db.selectFrom('audit_event').select('id').where('at', '<=', before).limit(1).executeTakeFirst()
  if (oldest) await writeEvent(unit, { event: 'audit.swept', data: { before } })
  return before
}

async function maintainAuditLog(engine: Engine, together: Together): Promise<number> {
  const { events, agentIds, resourceIds } = await engine.maintainAuditLog(await together(announceDeletion)())
  const forgetNamed = together(async (unit) => {
    await deleteUnreferenced(unit, 'agent_id', agentIds)
    await deleteUnreferenced(unit, 'resource_id', resourceIds)
    return events
  })
  return events === 0 ? 0 : forgetNamed()
}

type Together = (work: Deletion) => () => Promise<number>

const forgetLogos = deletion({
  table: 'agent_logo',
  key: ['agent_id'],
  isOver: (now) => sql`${isNeverAllowed('agent_logo.agent_id')} and (claimed_at <= ${now - retention.logo} or
      claimed_at <= (select l.claimed_at from agent_logo as l where ${isNeverAllowed('l.agent_id')}
        order by l.claimed_at desc limit 1 offset ${maxUnallowedLogos}))`,
})

/** Deletes until nothing past its retention is left, with each batch in its own transaction. */
export async function sweep(engine: Engine, together: Together): Promise<number> {
  let total = 0
  const deletions = [...over.map(deletion), deleteGrants('revoked_at'), deleteGrants('expires_at'), forgetLogos]
  const batches = [forgetNonces, disconnectExpired, ...deletions, forgetAgents].map(together)
  for (const deleteBatch of [...batches, () => maintainAuditLog(engine, together)]) {
    let deleted: number
    do {
      deleted = await deleteBatch()
      total += deleted
      await new Promise((resume) => setImmediate(resume))
    } while (deleted > 0)
  }
  return total
}

/**
 * Runs `sweep` every `sweepInterval` seconds, never twice at the same time, and without keeping the process alive. `sweep` resolves with
 * undefined if another instance is sweeping.
 *
 * @returns a function that stops the runs
 */
export function startRetention(sweep: () => Promise<number | undefined>, options: StorageOptions): () => void {
  const { sweepInterval = 60, onSwept, onSweepError = warn } = options
  if (sweepInterval === 0) return () => undefined
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    sweep()
      .then((rows) => rows !== undefined && onSwept?.(rows))
      .catch(onSweepError)
      .finally(() => {
        running = false
      })
  }, sweepInterval * 1000)
  timer.unref()
  return () => clearInterval(timer)
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'RetentionWarning')
}
