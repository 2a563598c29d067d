import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'

/** Whether a text contains a part, given in lower case; `%` and `_` in it stand for themselves. */
export function contains(text: Expression<string | null>, part: string): RawBuilder<SqlBool> {
  const pattern = `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`
  return sql<SqlBool>`lower(${text}) like ${pattern} escape '\\'`
}
