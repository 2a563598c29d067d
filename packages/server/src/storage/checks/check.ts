import { type RawBuilder, sql } from 'kysely'
import { maxViolations, retention } from '../api/deployment-storage.js'
import type { Statement } from '../sql/engine.js'

/** A row that breaks an invariant. Its columns are named after what they identify, and contain public ids or text. */
export type FoundRow = Readonly<Record<string, Uint8Array | string | number | null>>

export interface Check {
  /** The condition that must never occur, as a sentence. */
  never: string
  find: (statement: Statement) => Promise<FoundRow[]>
}

export function check(never: string, query: (statement: Statement) => RawBuilder<unknown>): Check {
  return {
    never,
    find: async (statement) => (await sql<FoundRow>`${query(statement)} ${most}`.execute(statement.db)).rows,
  }
}

/** A check that filters its query's rows in code. */
export function checkEach<R>(
  never: string,
  query: RawBuilder<R>,
  violationIn: (row: R) => FoundRow | undefined,
): Check {
  return {
    never,
    async find({ db }) {
      const { rows } = await query.execute(db)
      return rows.map(violationIn).filter((row) => row !== undefined)
    },
  }
}

const most = sql`limit ${sql.lit(maxViolations)}`

/**
 * Tolerance for overlapping work, in seconds. A row contains the start time of its transaction, so it is not a violation if a row waited
 * for another one, or if a use was written after it was checked.
 */
export const overlap = sql.lit(2)

/** Events before this time may have been deleted. */
export const recordedSince = ({ clock }: Statement) => sql`${clock} - ${sql.lit(retention.event)}`

/** Finds rows of a table that have no event. Databases compute such set differences quickly, however large both sets are. */
export function unrecorded(
  never: string,
  [name, ids]: readonly ['request' | 'grant', (statement: Statement) => RawBuilder<unknown>],
  events: readonly string[],
): Check {
  return check(never, (statement) => {
    const recorded = sql`select ${sql.ref(`${name}_public_id`)} from audit_event where event in (${listOf(events)})`
    return sql`select public_id as ${sql.ref(name)} from (${ids(statement)} except ${recorded}) as missing`
  })
}

/** Like {@link unrecorded}, but for users and agents, which events reference by their internal ids. */
export function changeUnrecorded(
  never: string,
  [table, name, publicName, changedAt]: readonly ['agent' | 'app_user', 'agent' | 'user', string, string],
  events: readonly string[],
): Check {
  return check(
    never,
    (statement) => sql`
      select ${sql.ref(publicName)} as ${sql.ref(name)} from ${sql.table(table)} where id in (
        select id from ${sql.table(table)} where ${sql.ref(changedAt)} > ${recordedSince(statement)}
        except select ${sql.ref(`${name}_id`)} from audit_event where event in (${listOf(events)}))`,
  )
}

/** A list of strings, for `in (…)`. */
export const listOf = (texts: readonly string[]) => sql.join(texts.map((each) => sql.lit(each)))
