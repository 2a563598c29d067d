import { sql } from 'kysely'
import type { FetchedLogo, LogoClaim } from '../api/logo-storage.js'
import { agentIdOf } from '../rows/identifiers.js'
import type { Statement } from '../sql/engine.js'
import { padded } from '../sql/kept-query.js'

/** Implements {@link LogoStorage.claimLogo}: returns true for the one caller that must fetch the logo. */
export async function claimLogo({ db, clock }: Statement, claim: LogoClaim): Promise<boolean> {
  const { agent, uri, maxAge, retryAfter } = claim
  const ifUnchanged = <T>(column: 'name' | 'image') =>
    sql<T>`case when agent_logo.uri = ${uri} then ${sql.ref(`agent_logo.${column}`)} end`
  const claimed = await db
    .insertInto('agent_logo')
    .columns(['agent_id', 'uri', 'claimed_at'])
    .expression((e) =>
      e
        .selectFrom('agent')
        .select(['id as agent_id', sql.val(uri).as('uri'), clock.as('claimed_at')])
        .where('identifier', '=', agent)
        .where('first_seen_at', 'is not', null),
    )
    .onConflict((conflict) =>
      conflict
        .column('agent_id')
        .doUpdateSet({
          uri,
          claimed_at: clock,
          name: ifUnchanged<string | null>('name'),
          image: ifUnchanged<Uint8Array | null>('image'),
        })
        .where(
          sql<boolean>`agent_logo.uri <> ${uri} or agent_logo.claimed_at <= ${clock} - ${maxAge}
            or (agent_logo.name is null and agent_logo.claimed_at <= ${clock} - ${retryAfter})`,
        ),
    )
    .returning('agent_id')
    .executeTakeFirst()
  return claimed !== undefined
}

/** Implements {@link LogoStorage.keepLogo}: returns false if the agent's logo URL has changed in the meantime. */
export async function keepLogo(statement: Statement, { agent, uri, logo }: FetchedLogo): Promise<boolean> {
  const kept = await statement.db
    .updateTable('agent_logo')
    .set({ name: logo?.id ?? null, image: logo && Buffer.from(logo.image) })
    .where('agent_id', '=', agentIdOf(statement, agent))
    .where('uri', '=', uri)
    .returning('agent_id')
    .executeTakeFirst()
  return kept !== undefined
}

/** Implements {@link LogoStorage.removeLogo}. */
export async function removeLogo(statement: Statement, agent: string): Promise<void> {
  await statement.db.deleteFrom('agent_logo').where('agent_id', '=', agentIdOf(statement, agent)).execute()
}

/** Implements {@link LogoStorage.findLogos}: returns ids by agent, for the agents that have a logo. */
export async function findLogos({ db }: Statement, agents: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (agents.length === 0) return new Map()
  const rows = await db
    .selectFrom('agent_logo as l')
    .innerJoin('agent as a', 'a.id', 'l.agent_id')
    .select(['a.identifier', 'l.name'])
    .where('a.identifier', 'in', padded(agents))
    .$narrowType<{ name: string }>()
    .where('l.name', 'is not', null)
    .execute()
  return new Map(rows.map(({ identifier, name }) => [identifier, name]))
}

/** Implements {@link LogoStorage.readLogo}: returns the image; undefined for an unknown id. */
export async function readLogo({ db }: Statement, id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const row = await db.selectFrom('agent_logo').select('image').where('name', '=', id).executeTakeFirst()
  return row?.image ? new Uint8Array(row.image) : undefined
}
