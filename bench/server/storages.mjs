import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from './postgres.mjs'

/** Nonces per agent, and in total: a load test creates more than agents do. */
const nonces = { perAgent: 10_000_000, perNetwork: 10_000_000, total: 10_000_000 }

/** In seconds. A busy disk should make the numbers worse, but not abort the benchmark. */
const timeouts = { connection: 20, lock: 20, statement: 20 }

/** Validates the argument of `--storage`. @throws TypeError for any other value */
export function requireStorage(storage) {
  if (storage === 'sqlite' || storage === 'postgres' || /^postgres(?:ql)?:\/\//.test(storage)) return storage
  throw new TypeError('--storage must be sqlite, postgres, or the postgres:// URL of a role that may create databases')
}

/** Opens the measured storage in a tested process. */
export async function openStorage({ path, url }) {
  const limits = { nonces }
  if (path !== undefined) return (await import('countersign-server/sqlite')).sqliteStorage(path, { limits })
  return (await import('countersign-server/postgres')).postgresStorage(url, { limits, timeouts })
}

/**
 * The databases of the tested servers: `create` makes an empty database, whose `place` is passed to {@link openStorage}. `cpu` and `pids`
 * cover the processes of the database, if it has any and they run on this machine.
 */
export async function openDatabases(storage, parent) {
  if (storage === 'sqlite') return sqliteDatabases(parent)
  if (storage === 'postgres') return postgresDatabases(await startPostgres(parent))
  return postgresDatabases({ url: storage, cpu: () => undefined, pids: () => undefined, close: () => undefined })
}

async function sqliteDatabases(parent) {
  const { default: Database } = await import('better-sqlite3')
  const folder = mkdtempSync(join(parent, 'countersign-bench-'))
  let count = 0
  return {
    engine: 'sqlite',
    cpu: () => undefined,
    pids: () => undefined,
    create() {
      const path = join(folder, `auth-${count++}.db`)
      const open = (read) => {
        const database = new Database(path)
        try {
          database.pragma('wal_checkpoint(truncate)')
          return read(database)
        } finally {
          database.close()
        }
      }
      return {
        place: { path },
        tables: () =>
          open((database) => {
            const bytes = database.prepare(
              'select tbl_name as name, sum(pgsize) as bytes from dbstat join sqlite_schema using (name) group by tbl_name',
            )
            const rows = (name) => database.prepare(`select count(*) from "${name}"`).pluck().get()
            return bytes.all().map((table) => ({ ...table, rows: rows(table.name) }))
          }),
        bytes: () => open((database) => statSync(database.name).size),
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function postgresDatabases(server) {
  const { default: pg } = await import('pg')
  const prefix = `countersign_bench_${process.pid}`
  const created = []
  const query = async (sql, database) => {
    const url = database === undefined ? server.url : urlOf(database)
    const client = new pg.Client(url)
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  const urlOf = (name) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href
  return {
    engine: 'postgres',
    cpu: server.cpu,
    pids: server.pids,
    async create() {
      const name = `${prefix}_${created.length}`
      await query(`create database ${name}`)
      created.push(name)
      return {
        place: { url: urlOf(name) },
        async tables() {
          // Partitions count toward their table. Space reclaimed by the sweeper does not count as growth.
          await query('vacuum analyze', name)
          const tables = await query(
            `select coalesce(pg_partition_root(c.oid), c.oid)::regclass::text as name,
              sum(pg_total_relation_size(c.oid))::float as bytes
            from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace group by 1`,
            name,
          )
          for (const table of tables)
            table.rows = Number((await query(`select count(*) from ${table.name}`, name))[0].count)
          return tables
        },
        bytes: async () => Number((await query(`select pg_database_size('${name}')`))[0].pg_database_size),
      }
    },
    async close() {
      for (const name of created) await query(`drop database ${name} with (force)`)
      await server.close()
    },
  }
}
