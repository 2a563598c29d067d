import { widerNetwork } from 'countersign/signatures'
import { sql } from 'kysely'
import type { Statement, Unit } from '../sql/engine.js'
import { keptInsertion, mostRows } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'

/** How many rows share the count of all nonces of a kind. */
const parts = 64

export type OwnedNonce = Pick<Row<'nonce'>, 'key_hash' | 'kind' | 'holder' | 'network'>

export type Counted = Pick<Row<'nonce_count'>, 'kind' | 'source'>

/**
 * The rows that count a nonce. All nonces of a kind have no single row, because every claim would wait for its lock. The order is the
 * same everywhere: two transactions that lock the same rows must not deadlock.
 */
export function countedBy({ key_hash: [first = 0], kind, holder, network }: OwnedNonce): Counted[] {
  return [
    { kind, source: holder },
    { kind: `${kind}s`, source: network },
    { kind: `${kind}s-part`, source: String(first % parts) },
    { kind: `${kind}s-wider`, source: widerNetwork(network) },
  ]
}

export async function addToCounts(
  statement: Statement,
  nonces: readonly OwnedNonce[],
  each: 1 | -1,
): Promise<Row<'nonce_count'>[]> {
  const [only, ...more] = nonces
  if (only && more.length === 0) return countInsertion(statement, rowsOf(only, each))
  const rows = new Map<string, Row<'nonce_count'>>()
  for (const row of nonces.flatMap((nonce) => rowsOf(nonce, each))) {
    const id = `${row.kind} ${row.source}`
    const known = rows.get(id)
    if (known) known.held += each
    else rows.set(id, row)
  }
  return countInsertion(
    statement,
    [...rows].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row),
  )
}

function rowsOf(nonce: OwnedNonce, held: number): Row<'nonce_count'>[] {
  return countedBy(nonce).map(({ kind, source }) => ({ kind, source, held }))
}

/** Of sixteen nonces, each of another agent, network and wider network. */
const mostCounts = 4 * mostRows

const countInsertion = keptInsertion(
  'nonce_count',
  (insertion) =>
    insertion
      .onConflict((conflict) =>
        conflict
          .columns(['source', 'kind'])
          .doUpdateSet((e) => ({ held: e('nonce_count.held', '+', e.ref('excluded.held')) })),
      )
      .returningAll(),
  mostCounts,
)

export async function deleteCount({ db }: Unit, { kind, source }: Counted): Promise<void> {
  await db
    .deleteFrom('nonce_count')
    .where('kind', '=', kind)
    .where('source', '=', source)
    .where('held', '<=', 0)
    .execute()
}

// A kind is written as the indexes say it: a parameter would not be taken for it.
export async function countAll({ db }: Unit, kind: Row<'nonce'>['kind']): Promise<number> {
  const { held } = await allHeld(db, kind).executeTakeFirstOrThrow()
  return Number(held ?? 0)
}

export function allHeld(db: Unit['db'], kind: Row<'nonce'>['kind']) {
  return db
    .selectFrom('nonce_count')
    .select((e) => e.fn.sum<number | null>('held').as('held'))
    .where('kind', '=', sql.lit(`${kind}s-part` as const))
}

/** What the network that holds most held before one more was counted. */
export async function mostOf(
  { db }: Unit,
  kind: Counted['kind'],
  counted: readonly Row<'nonce_count'>[],
): Promise<number> {
  const own = counted.find((count) => count.kind === kind)
  const other = await db
    .selectFrom('nonce_count')
    .select('held')
    .where('kind', '=', sql.lit(kind))
    .where('source', '<>', own?.source ?? '')
    .orderBy('held', 'desc')
    .limit(1)
    .executeTakeFirst()
  return Math.max((own?.held ?? 1) - 1, other?.held ?? 0)
}
