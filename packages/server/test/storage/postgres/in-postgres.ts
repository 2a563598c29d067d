import type { Storage } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { afterAll } from 'vitest'
import { openPostgres, type PostgresServer, type TestDatabase } from './postgres-server.js'
import { createTemplate, patient } from './template.js'

/** The storages of two instances on one database, which the tests of one file use one after the other. */
interface Instances {
  server: PostgresServer
  database: TestDatabase
  storages: Storage[]
  clock: { now: () => number }
}

let begun: Promise<Instances> | undefined
const systemClock = () => Date.now() / 1000

afterAll(async () => {
  const instances = await begun
  begun = undefined
  await Promise.all((instances?.storages ?? []).map((storage) => storage.close()))
  await instances?.server.close()
})

async function begin(): Promise<Instances> {
  const server = await openPostgres()
  const database = await server.createDatabase(await createTemplate(server))
  const clock = { now: systemClock }
  const options = { sweepInterval: 0, usageDelay: 0, connections: 5, ...patient, now: () => clock.now() }
  const storages = [await postgresStorage(database.url, options), await postgresStorage(database.url, options)]
  return { server, database, storages, clock }
}

/**
 * The storages of two instances on one empty database. They stay open when they are closed, for the next test: a new
 * connection costs more than most tests.
 */
export async function openTwoStorages(now = systemClock): Promise<Storage[]> {
  begun ??= begin()
  const { server, database, storages, clock } = await begun
  clock.now = now
  await empty(server, database)
  return storages.map(
    (storage) =>
      new Proxy(storage, {
        get: (_, verb) => (verb === 'close' ? async () => undefined : (Reflect.get(storage, verb) as unknown)),
      }),
  )
}

/** Deletes every row, the audit's too, as only somebody can to whom no trigger applies. */
async function empty(server: PostgresServer, { name }: TestDatabase): Promise<void> {
  const kept = ['schema_version']
  await server.query(
    `set session_replication_role = replica;
    do $$ declare name text; begin
      for name in select tablename from pg_tables where schemaname = 'public' and tablename not in ('${kept.join("','")}')
      loop execute format('delete from %I', name); end loop;
    end $$`,
    name,
  )
}
