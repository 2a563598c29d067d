import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from './postgres.mjs'

/** Nonces of one agent, and in all: a load test makes more than agents do. */
const nonces = { perAgent: 10_000_000, perNetwork: 10_000_000, total: 10_000_000 }

/** Seconds. A busy disk is to make the numbers worse, and not to end the benchmark. */
const timeouts = { connection: 20, lock: 20, statement: 20 }

/** What the argument `--storage` may say. @throws TypeError for anything else */
export function requireStorage(storage) {
  if (storage === 'sqlite' || storage === 'postgres' || /^postgres(?:ql)?:\/\//.test(storage)) return storage
  throw new TypeError('--storage takes sqlite, postgres, or the postgres:// URL of a role that may create databases')
}

/** Opens, in a tested process, the storage that is measured. */
export async function openStorage({ path, url }) {
  const limits = { nonces }
  if (path !== undefined) return (await import('countersign-server/sqlite')).sqliteStorage(path, { limits })
  return (await import('countersign-server/postgres')).postgresStorage(url, { limits, timeouts })
}

/**
 * Where the tested servers keep what they know: `create` makes an empty database, which has a `place` for
 * {@link openStorage}. `cpu` and `pids` are of the processes of the database, where it has some and they run here.
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
          // Partitions are their table's. What was taken back by the sweeper is no growth.
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
