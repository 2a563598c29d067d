import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Tables } from './tables.js'

// Ids and hashes are texts in code and bytes in the tables. Any other text becomes empty bytes, which no row has.

const none = Buffer.alloc(0)
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The 16 bytes of a UUID. */
export function idBytes(id: string): Buffer {
  return uuid.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : none
}

export function idText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The 32 bytes of a SHA-256 in base64url. */
export function hashBytes(hash: string): Buffer {
  const bytes = Buffer.from(hash, 'base64url')
  return bytes.length === 32 && hashText(bytes) === hash ? bytes : none
}

export function hashText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** Whether a text contains a part, given in lower case; `%` and `_` in it stand for themselves. */
export function contains(text: Expression<string | null>, part: string): RawBuilder<SqlBool> {
  const pattern = `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`
  return sql<SqlBool>`lower(${text}) like ${pattern} escape '\\'`
}

/** Whether no row of other tables names a row of a table in a column. */
export function notReferenced(table: keyof Tables, column: string, by: readonly (keyof Tables)[]): RawBuilder<SqlBool> {
  const from = (other: keyof Tables) =>
    sql`select 1 from ${sql.table(other)} as r where ${sql.ref(`r.${column}`)} = ${sql.ref(`${table}.id`)}`
  return sql<SqlBool>`${sql.join(
    by.map((other) => sql`not exists (${from(other)})`),
    sql` and `,
  )}`
}
