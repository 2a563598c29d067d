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
  if (Number(held) >= client.most && !(await evictUnused(unit, client.lifetime))) return false
  await db
    .insertInto('registered_client')
    .values({
      client_id: client.id,
      metadata: JSON.stringify(client.metadata),
      created_at: now,
      expires_at: now + client.lifetime,
    })
    .execute()
  return true
}

/** Deletes the oldest client that has not been extended. Returns whether there was one. */
async function evictUnused({ db, now }: Unit, lifetime: number): Promise<boolean> {
  const oldest = await db
    .selectFrom('registered_client')
    .select('client_id')
    .where('expires_at', '>', now)
    .where('expires_at', '<=', now + lifetime)
    .where((e) => e('expires_at', '<=', e('created_at', '+', lifetime)))
    .orderBy('expires_at')
    .limit(1)
    .executeTakeFirst()
  if (!oldest) return false
  await db.deleteFrom('registered_client').where('client_id', '=', oldest.client_id).execute()
  return true
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
      endsAt: row.expires_at,
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
