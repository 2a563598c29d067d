import { isDeepStrictEqual } from 'node:util'
import { type SqlBool, sql } from 'kysely'
import { StorageError } from '../api/storage-error.js'
import type { Engine, Statement } from '../sql/engine.js'
import type { Tables } from '../sql/tables.js'

/** What a copy consists of. */
export interface CopiedRows {
  tables: number
  rows: number
}

/** The tables with what orders their rows, each after those that it names. */
const tables: Readonly<Record<keyof Tables, readonly string[]>> = {
  app_user: ['id'],
  username_skeleton: ['skeleton'],
  credential: ['user_id'],
  federated_identity: ['issuer', 'subject'],
  passkey: ['credential_id'],
  known_device: ['user_id', 'browser_hash'],
  session: ['id'],
  agent: ['id'],
  agent_logo: ['agent_id'],
  resource: ['id'],
  display: ['id'],
  auth_request: ['id'],
  consent_grant: ['id'],
  grant_scope: ['grant_id', 'position'],
  grant_usage_day: ['grant_id', 'day_at'],
  code: ['request_id'],
  refresh_token: ['id'],
  token_issue: ['id'],
  signing_key: ['kid'],
  nonce: ['id'],
  nonce_count: ['source', 'kind'],
  attempt: ['key_hash'],
  deployment: ['id'],
  audit_event: ['id'],
}
const names = Object.keys(tables) as (keyof Tables)[]

const batch = 500

/**
 * Copies every row of one database into another, empty one, and compares them then, one by one. Nobody may write to either
 * meanwhile: the first is kept from changing, the second is filled in one transaction.
 *
 * @throws {StorageError} `not_ours` where the second is not empty; Error where a row came out different, and nothing was copied
 */
export async function copyRows(from: Engine, to: Engine): Promise<CopiedRows> {
  return from.transaction('process', (source) =>
    to.transaction('disk', async (target) => {
      await requireEmpty(target)
      let rows = 0
      for (const name of names) rows += await copyTable(name, source, target)
      await to.continueIds(target)
      for (const name of names) await compareTable(name, source, target)
      return { tables: names.length, rows }
    }),
  )
}

async function requireEmpty(target: Statement): Promise<void> {
  for (const name of names) {
    if (!(await target.db.selectFrom(name).selectAll().limit(1).executeTakeFirst())) continue
    const what = `The database to copy into has rows in its table ${name} already: name an empty one.`
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
    if (!isDeepStrictEqual(rows, copies)) throw new Error(`a row of ${name} came out different: nothing was copied`)
    last = rows.at(-1)
  } while (last)
}

type Row = Record<string, unknown>

/** The rows that come after one. */
async function page(name: keyof Tables, { db }: Statement, last?: Row): Promise<Row[]> {
  const key = tables[name]
  let query = db.selectFrom(name).selectAll().limit(batch)
  if (last) {
    const columns = sql.join(key.map((column) => sql.ref(column)))
    query = query.where(sql<SqlBool>`(${columns}) > (${sql.join(key.map((column) => last[column]))})`)
  }
  for (const column of key) query = query.orderBy(db.dynamic.ref(column))
  return (await query.execute()).map((row) => ({ ...row }))
}
