import { sql } from 'kysely'
import type { Unit } from '../engines/unit.js'
import type { FetchedLogo, LogoClaim } from './logo-storage.js'

export async function claimLogo({ db, tenant, now }: Unit, claim: LogoClaim): Promise<boolean> {
  const { agent, uri, maxAge, retryAfter } = claim
  const ifUnchanged = <T>(column: 'id' | 'image') =>
    sql<T>`case when agent_logo.uri = ${uri} then ${sql.ref(`agent_logo.${column}`)} end`
  const claimed = await db
    .insertInto('agent_logo')
    .columns(['tenant_id', 'agent', 'uri', 'claimed_at'])
    .expression((e) =>
      e
        .selectFrom('agent')
        .select(['tenant_id', 'identifier', sql.val(uri).as('uri'), sql.val(now).as('claimed_at')])
        .where('tenant_id', '=', tenant)
        .where('identifier', '=', agent),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'agent'])
        .doUpdateSet({
          uri,
          claimed_at: now,
          id: ifUnchanged<string | null>('id'),
          image: ifUnchanged<Uint8Array | null>('image'),
        })
        .where((e) =>
          e.or([
            e('agent_logo.uri', '<>', uri),
            e('agent_logo.claimed_at', '<=', now - maxAge),
            e.and([e('agent_logo.id', 'is', null), e('agent_logo.claimed_at', '<=', now - retryAfter)]),
          ]),
        ),
    )
    .returning('agent')
    .executeTakeFirst()
  return claimed !== undefined
}

export async function keepLogo({ db, tenant }: Unit, { agent, uri, logo }: FetchedLogo): Promise<boolean> {
  const kept = await db
    .updateTable('agent_logo')
    .set({ id: logo?.id ?? null, image: logo && Buffer.from(logo.image) })
    .where('tenant_id', '=', tenant)
    .where('agent', '=', agent)
    .where('uri', '=', uri)
    .returning('agent')
    .executeTakeFirst()
  return kept !== undefined
}

export async function removeLogo({ db, tenant }: Unit, agent: string): Promise<void> {
  await db.deleteFrom('agent_logo').where('tenant_id', '=', tenant).where('agent', '=', agent).execute()
}

export async function findLogos({ db, tenant }: Unit, agents: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (agents.length === 0) return new Map()
  const rows = await db
    .selectFrom('agent_logo')
    .select(['agent', 'id'])
    .where('tenant_id', '=', tenant)
    .where('agent', 'in', [...agents])
    .$narrowType<{ id: string }>()
    .where('id', 'is not', null)
    .execute()
  return new Map(rows.map(({ agent, id }) => [agent, id]))
}

export async function readLogo({ db, tenant }: Unit, id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const row = await db
    .selectFrom('agent_logo')
    .select('image')
    .where('tenant_id', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.image ? new Uint8Array(row.image) : undefined
}
