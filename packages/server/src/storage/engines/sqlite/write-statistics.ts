import type Database from 'better-sqlite3'

const rows = 1_000_000

/** About how many of a million rows have one value of a column, in the order of the index; of others, ten. */
const rowsPerValue: Readonly<Record<string, number>> = {
  tenant_id: rows,
  status: rows,
  issuer: rows,
  kind: 100_000,
  event: 50_000,
  resource: 10_000,
  day: 10_000,
  agent: 1000,
}

interface Index {
  table: string
  name: string
  unique: number
  origin: string
  rowless: number
}

/**
 * Tells SQLite what the tables will look like: without it, it takes one tenant for ten rows, and rather reads all rows
 * of the only tenant than use a second index.
 */
export function writeStatistics(database: Database.Database): void {
  const indexes = database
    .prepare<[], Index>(
      `select t.name as "table", i.name, i."unique", i.origin, t.wr as rowless
      from pragma_table_list as t join pragma_index_list(t.name) as i
      where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%'`,
    )
    .all()
  const columnsOf = database.prepare<[string], string>('select name from pragma_index_info(?) order by seqno').pluck()
  database.exec('analyze sqlite_schema')
  database.exec('delete from sqlite_stat1')
  const insert = database.prepare('insert into sqlite_stat1 (tbl, idx, stat) values (?, ?, ?)')
  for (const { table, name, unique, origin, rowless } of indexes) {
    const isTable = rowless === 1 && origin === 'pk'
    insert.run(table, isTable ? table : name, statisticOf(columnsOf.all(name), unique === 1))
  }
  database.exec('analyze sqlite_schema')
}

function statisticOf(columns: readonly string[], unique: boolean): string {
  const estimates = [rows]
  for (const [place, column] of columns.entries()) {
    const last = unique && place === columns.length - 1
    estimates.push(last ? 1 : Math.min(estimates.at(-1) ?? rows, rowsPerValue[column] ?? 10))
  }
  return estimates.join(' ')
}
