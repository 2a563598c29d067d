import { sql } from 'kysely'
import type { NewRegisteredClient, RegisteredClient } from '../api/client-storage.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, type Placeholders } from '../sql/kept-query.js'

/** Implements {@link ClientStorage.registerClient}. */
export async function registerClient(unit: Unit, client: NewRegisteredClient): Promise<boolean> {
  const { db, now } = unit
  await unit.exclusive('registered clients')
  const { held } = await db
    .selectFrom('registered_client')
    .select((e) => e.fn.countAll<number>().as('held'))
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  if (Number(held) >= client.most && !(await evict(unit, client))) return false
  await db
    .insertInto('registered_client')
    .values({
      client_id: client.id,
      metadata: JSON.stringify(client.metadata),
      created_at: now,
      expires_at: now + client.lifetime,
      network: client.network,
    })
    .execute()
  return true
}

/** Deletes some clients that are not in use. Returns whether there were any. */
async function evict({ db, now }: Unit, { most, mostPerUser }: NewRegisteredClient): Promise<boolean> {
  const { rows } = await sql<{ client_id: string }>`
    with allowed as (
      select c.client_id, row_number() over (partition by g.user_id order by max(g.id) desc) as place
      from registered_client as c
      join agent as a on a.identifier = c.client_id
      join consent_grant as g on g.agent_id = a.id
      where c.expires_at > ${now} and g.revoked_at is null and (g.expires_at is null or g.expires_at > ${now})
      group by g.user_id, c.client_id
    ), unused as (
      select client_id, created_at, row_number() over (partition by network order by created_at desc) as place
      from registered_client
      where expires_at > ${now} and client_id not in (select client_id from allowed where place <= ${mostPerUser})
    )
    delete from registered_client where client_id in (
      select client_id from unused order by place desc, created_at limit ${Math.ceil(most / 100)})
    returning client_id`.execute(db)
  return rows.length > 0
}

const registered = cachedQuery(({ db, clock }, { id }: Placeholders<{ id: string }>) =>
  db.selectFrom('registered_client').selectAll().where('client_id', '=', id).where('expires_at', '>', clock),
)

/** Implements {@link ClientStorage.findRegisteredClient}. */
export async function findRegisteredClient(statement: Statement, id: string): Promise<RegisteredClient | undefined> {
  const [row] = await registered(statement, { id })
  return (
    row && {
      metadata: JSON.parse(row.metadata) as Record<string, unknown>,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    }
  )
}

/** Implements {@link ClientStorage.extendRegisteredClient}. */
export async function extendRegisteredClient(
  { db, now }: Unit,
  { id, lifetime }: { id: string; lifetime: number },
): Promise<void> {
  await db
    .updateTable('registered_client')
    .set({ expires_at: now + lifetime })
    .where('client_id', '=', id)
    .where('expires_at', '>', now)
    .where('expires_at', '<', now + lifetime)
    .execute()
}
