import { sql } from 'kysely'
import type { NewRegisteredClient, RegisteredClient } from '../api/client-storage.js'
import type { Statement, Unit } from '../sql/engine.js'
import { cachedQuery, type Placeholders } from '../sql/kept-query.js'

/** Implements {@link ClientStorage.registerClient}. */
export async function registerClient(unit: Unit, client: NewRegisteredClient): Promise<void> {
  const { db, now } = unit
  await unit.exclusive('registered clients')
  const { held } = await db
    .selectFrom('registered_client')
    .select((e) => e.fn.countAll<number>().as('held'))
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  if (Number(held) >= client.most) await evict(unit, client)
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
}

/** The share of the places that clients in use keep when others register. */
const shareInUse = 0.9

/** Deletes a hundredth of the clients, but at least one. `place` is that among the clients of a user, or else of a network, latest first. */
async function evict({ db, now }: Unit, { most, mostPerUser }: NewRegisteredClient): Promise<void> {
  await sql`
    with allowed as (
      select c.client_id, max(g.id) as last, row_number() over (partition by g.user_id order by max(g.id) desc) as place
      from registered_client as c
      join agent as a on a.identifier = c.client_id
      join consent_grant as g on g.agent_id = a.id
      where c.expires_at > ${now} and g.revoked_at is null and (g.expires_at is null or g.expires_at > ${now})
      group by g.user_id, c.client_id
    ), used as (
      select client_id, row_number() over (order by min(place), max(last) desc) as rank
      from allowed where place <= ${mostPerUser} group by client_id
    ), unused as (
      select client_id, created_at, row_number() over (partition by network order by created_at desc) as place
      from registered_client
      where expires_at > ${now} and client_id not in (select client_id from used)
    ), evictable as (
      select client_id, 0 as part, -rank as first, 0 as second from used where rank > ${Math.floor(most * shareInUse)}
      union all select client_id, 1, -place, created_at from unused
    )
    delete from registered_client where client_id in (
      select client_id from evictable order by part, first, second limit ${Math.ceil(most / 100)})`.execute(db)
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
