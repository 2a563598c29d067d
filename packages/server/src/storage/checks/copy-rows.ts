import { isDeepStrictEqual } from 'node:util'
import { type SqlBool, sql } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import { keyOf } from '../sql/columns.js'
import type { Engine, Statement } from '../sql/engine.js'
import { type Tables, tables } from '../sql/tables.js'

/** The number of tables and of rows that were copied. */
export interface CopiedRows {
  tables: number
  rows: number
}

const names = Object.keys(tables) as (keyof Tables)[]

const batch = 500

/**
 * Copies every row of one database into another, empty database, and then compares the two row by row. In the meantime, no one else writes
 * to either of them: changes to the source are blocked, and the target is filled in one transaction.
 *
 * @throws {StorageError} `not_ours` if the target is not empty; Error if a row differs after copying, in which case nothing was copied
 */
export async function copyRows(from: Engine, to: Engine): Promise<CopiedRows> {
  return from.transaction('process', (source) =>
    to.transaction('disk', async (target) => {
      await requireEmpty(target)
      let rows = 0
      for (const name of names) rows += await copyTable(name, source, target)
      await to.resetIdSequences(target)
      for (const name of names) await compareTable(name, source, target)
      return { tables: names.length, rows }
    }),
  )
}

async function requireEmpty(target: Statement): Promise<void> {
  for (const name of names) {
    if (!(await target.db.selectFrom(name).selectAll().limit(1).executeTakeFirst())) continue
    const what = `The target database already has rows in its table ${name}: use an empty database.`
    throw new StorageError('not_ours', what)
  }
}

async function copyTable(name: keyof Tables, source: Statement, target: Statement): Promise<number> {
  let copied = 0
  for (let rows = await page(name, source); rows.length > 0; rows = await page(name, source, rows.at(-1))) {
    await target.db.insertInto(name).values(rows).execute()
    copied += rows.length
  }
  return copied
}

async function compareTable(name: keyof Tables, source: Statement, target: Statement): Promise<void> {
  let last: Row | undefined
  do {
    const [rows, copies] = [await page(name, source, last), await page(name, target, last)]
    if (!isDeepStrictEqual(rows, copies)) throw new Error(`a row of ${name} differs after copying: nothing was copied`)
    last = rows.at(-1)
  } while (last)
}

type Row = Record<string, unknown>

/** Returns the rows after a given row. */
async function page(name: keyof Tables, { db }: Statement, last?: Row): Promise<Row[]> {
  const key = keyOf(tables[name])
  let query = db.selectFrom(name).selectAll().limit(batch)
  if (last) {
    const columns = sql.join(key.map((column) => sql.ref(column)))
    query = query.where(sql<SqlBool>`(${columns}) > (${sql.join(key.map((column) => last[column]))})`)
  }
  for (const column of key) query = query.orderBy(db.dynamic.ref(column))
  return (await query.execute()).map((row) => ({ ...row }))
}
