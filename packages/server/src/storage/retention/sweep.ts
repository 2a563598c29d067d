import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { writeEvent } from '../audit/audit.js'
import type { Tables } from '../engines/tables.js'
import type { Unit } from '../engines/unit.js'
import { forgetNonces } from '../nonces/nonces.js'
import { maxStrangersLogos, retention } from './retention-periods.js'

const batch = 5000

type Deletion = (unit: Unit) => Promise<number>

/** What may go from a table, by its key. In this order: rows before the rows they belong to. */
const deletions: readonly Deletion[] = [
  deletion('session', ['id_hash'], (now) => sql`idle_expires_at <= ${now}`),
  deletion('attempt', ['key'], (now) => sql`reset_at <= ${now}`),
  deletion('known_device', ['user_id', 'browser_hash'], (now) => sql`last_seen_at <= ${now - retention.device}`),
  deletion('code', ['code_hash'], (now) => sql`expires_at <= ${now - retention.code}`),
  deletion(
    'auth_request',
    ['id'],
    (now) => sql`expires_at <= ${now - retention.request} and not exists (
      select 1 from code as c where c.tenant_id = auth_request.tenant_id and c.request_id = auth_request.id)`,
  ),
  deletion('token_issue', ['jti'], (now) => sql`expires_at <= ${now - retention.issue}`),
  deletion('refresh_token', ['token_hash'], (now) => sql`revoked_at <= ${now - retention.refreshToken}`),
  deletion('refresh_token', ['token_hash'], (now) => sql`idle_expires_at <= ${now - retention.refreshToken}`),
  deletion('grant_usage_day', ['grant_id', 'day'], (now) => sql`day <= ${now - retention.usage}`),
  deletion('consent_grant', ['id'], (now) => sql`revoked_at <= ${now - retention.grant} and ${isUnreferenced}`),
  deletion('consent_grant', ['id'], (now) => sql`expires_at <= ${now - retention.grant} and ${isUnreferenced}`),
  deletion(
    'agent_logo',
    ['agent'],
    (now, tenant) => sql`${isStrangers('agent_logo')} and (claimed_at <= ${now - retention.logo} or claimed_at <= (
      select l.claimed_at from agent_logo as l where l.tenant_id = ${tenant} and ${isStrangers('l')}
      order by l.claimed_at desc limit 1 offset ${maxStrangersLogos}))`,
  ),
  deletion(
    'agent',
    ['identifier'],
    (now) => sql`last_seen_at <= ${now - retention.agent} and blocked_at is null and not exists (
      select 1 from consent_grant as g where g.tenant_id = agent.tenant_id and g.agent = agent.identifier)`,
  ),
]

const isUnreferenced = sql<SqlBool>`
  not exists (select 1 from code as c
    where c.tenant_id = consent_grant.tenant_id and c.grant_id = consent_grant.id)
  and not exists (select 1 from token_issue as t
    where t.tenant_id = consent_grant.tenant_id and t.grant_id = consent_grant.id)`

/** Nobody ever allowed the agent of this logo anything. */
function isStrangers(logo: string): RawBuilder<SqlBool> {
  const of = (column: string) => sql.ref(`${logo}.${column}`)
  return sql`not exists (select 1 from consent_grant as g
    where g.tenant_id = ${of('tenant_id')} and g.agent = ${of('agent')})`
}

function deletion(
  table: keyof Tables,
  key: string[],
  isOver: (now: number, tenant: number) => RawBuilder<SqlBool>,
): Deletion {
  const keys = sql.join(key.map((column) => sql.ref(column)))
  return async ({ db, tenant, now }) => {
    const { numAffectedRows = 0n } = await sql`
      delete from ${sql.table(table)} where tenant_id = ${tenant} and (${keys}) in (
        select ${keys} from ${sql.table(table)} where tenant_id = ${tenant} and ${isOver(now, tenant)} limit ${batch})`.execute(
      db,
    )
    return Number(numAffectedRows)
  }
}

/** An event that records the deletion comes first: the newest event tells the database which ones are old enough. */
async function deleteEvents(unit: Unit): Promise<number> {
  const { db, tenant, now } = unit
  const oldest = await db
    .selectFrom('audit_event')
    .select('id')
    .where('tenant_id', '=', tenant)
    .where('at', '<=', now - retention.event)
    .limit(1)
    .executeTakeFirst()
  if (!oldest) return 0
  await writeEvent(unit, { event: 'audit.swept', data: { before: now - retention.event } })
  return deletion('audit_event', ['at', 'id'], (at) => sql`at <= ${at - retention.event}`)(unit)
}

type InUnit = (work: Deletion) => () => Promise<number>

/** Deletes until nothing past its retention is left; each batch in a unit of its own. */
export async function sweep({ alone, together }: { alone: InUnit; together: InUnit }): Promise<number> {
  let total = 0
  for (const deleteBatch of [together(forgetNonces), ...deletions.map(alone), together(deleteEvents)]) {
    let deleted: number
    do {
      deleted = await deleteBatch()
      total += deleted
      await new Promise((resume) => setImmediate(resume))
    } while (deleted > 0)
  }
  return total
}
