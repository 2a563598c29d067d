import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Tables } from './tables.js'

/** Whether no row of other tables names a row of a table in a column. */
export function notReferenced(table: keyof Tables, column: string, by: readonly (keyof Tables)[]): RawBuilder<SqlBool> {
  const from = (other: keyof Tables) =>
    sql`select 1 from ${sql.table(other)} as r where ${sql.ref(`r.${column}`)} = ${sql.ref(`${table}.id`)}`
  return sql<SqlBool>`${sql.join(
    by.map((other) => sql`not exists (${from(other)})`),
    sql` and `,
  )}`
}
