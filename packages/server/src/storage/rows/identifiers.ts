import { createHash } from 'node:crypto'
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { RequestDisplay } from '../api/request-storage.js'
import type { Parts, Statement, Unit } from '../sql/engine.js'
import { onlyOf } from '../sql/kept-query.js'

/** Returns a subquery for an agent's id. It yields no row if no row references the agent. */
export function agentIdOf({ db }: Parts, identifier: string | RawBuilder<string>) {
  return db.selectFrom('agent').select('id').where('identifier', '=', identifier)
}

/**
 * Whether the agent in table `a` has a path on the host in table `h`, on any port if the host is without one. An index contains the range, in
 * which only digits can follow the host besides `/` and `:`.
 */
export const isOnHost = sql<SqlBool>`a.identifier >= h.identifier || '/' and a.identifier < h.identifier || ';'
  and substr(a.identifier, length(h.identifier) + 1, 1) in ('/', ':')
  and a.identifier like '%://%/%' and h.identifier not like '%://%/%'`

/** Returns a subquery for a resource's id. It yields no row if no row references the resource. */
export function resourceIdOf({ db }: Statement, identifier: string) {
  return db.selectFrom('resource').select('id').where('identifier', '=', identifier)
}

/** Returns the id by which other rows reference an agent, whether or not the agent has ever been seen. */
export async function internAgent(unit: Unit, identifier: string): Promise<number> {
  const known = await unit.locking(agentIdOf(unit, identifier), { agent: 'shared' }).executeTakeFirst()
  return known?.id ?? insertInterned(unit, 'agent', { identifier })
}

/** Returns the id by which other rows reference a resource. */
export async function internResource(unit: Unit, identifier: string): Promise<number> {
  const known = await unit.locking(resourceIdOf(unit, identifier), { resource: 'shared' }).executeTakeFirst()
  return known?.id ?? insertInterned(unit, 'resource', { identifier })
}

/** Returns the id of the row with the data that the pages display. All requests and grants with the same data share it. */
export async function internDisplay(unit: Unit, shown: RequestDisplay): Promise<number> {
  const content_hash = displayHash(shown)
  const same = unit.db.selectFrom('display').select('id').where('content_hash', '=', content_hash)
  const known = await unit.locking(same, { display: 'shared' }).executeTakeFirst()
  return known?.id ?? insertInterned(unit, 'display', { content_hash, display: JSON.stringify(shown) })
}

/** Hashes the data that the pages display. The same data always has the same hash. */
export function displayHash(shown: RequestDisplay): Buffer {
  return createHash('sha256').update(JSON.stringify(shown)).digest()
}

/** Inserts a row unless another transaction has already inserted it. The row's first column is unique. */
async function insertInterned(
  { db }: Unit,
  table: 'agent' | 'resource' | 'display',
  row: Readonly<Record<string, unknown>>,
): Promise<number> {
  const columns = Object.keys(row).map((column) => sql.ref(column))
  const [unique] = columns
  const { rows } = await sql<{ id: number }>`
    insert into ${sql.table(table)} (${sql.join(columns)}) values (${sql.join(Object.values(row))})
    on conflict (${unique}) do update set ${unique} = excluded.${unique} returning id`.execute(db)
  return onlyOf(rows).id
}

/**
 * The tables whose rows are deleted once no other row references them. They are keyed by the referencing column, with the tables of the
 * referencing rows.
 */
const shared = {
  agent_id: {
    table: 'agent',
    by: ['auth_request', 'consent_grant', 'token_issue', 'agent_binding', 'agent_subject', 'audit_event'],
    // An agent that has been seen must be forgotten first.
    isDeletable: sql<SqlBool>`first_seen_at is null`,
  },
  resource_id: {
    table: 'resource',
    by: ['auth_request', 'consent_grant', 'token_issue', 'resource_subject', 'audit_event'],
    isDeletable: sql<SqlBool>`1 = 1`,
  },
  display_id: { table: 'display', by: ['auth_request', 'consent_grant'], isDeletable: sql<SqlBool>`1 = 1` },
} as const

/** A column that references a row of a shared table. */
export type SharedId = keyof typeof shared

/** Deletes those of the given shared rows that no other row references anymore. */
export async function deleteUnreferenced(unit: Unit, column: SharedId, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const { table, by, isDeletable } = shared[column]
  await unit.lockRows('whole', unit.db.selectFrom(table).select('id').where('id', 'in', ids).where(isDeletable))
  const naming = by.map((other) => {
    const rows = sql`select 1 from ${sql.table(other)} as r where ${sql.ref(`r.${column}`)} = ${sql.ref(`${table}.id`)}`
    return sql`not exists (${rows})`
  })
  await sql`delete from ${sql.table(table)} where id in (${sql.join(ids)}) and ${isDeletable}
    and ${sql.join(naming, sql` and `)}`.execute(unit.db)
}
