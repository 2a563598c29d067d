import type { Storage } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import pg from 'pg'
import { afterAll, expect } from 'vitest'
import { openPostgres, type PostgresServer, type TestDatabase } from './postgres-server.js'
import { createTemplate, patient } from './template.js'

/** A server with one database, which the tests of one file use one after the other. */
interface Begun {
  server: PostgresServer
  database: TestDatabase
  /** A connection as the owner of everything. */
  owner: pg.Client
}

/** The storages of two instances, which stay open. */
interface Instances {
  storages: [Storage, Storage]
  clock: { now: () => number }
}

let begun: Promise<Begun> | undefined
let instances: Promise<Instances> | undefined
const systemClock = () => Date.now() / 1000

afterAll(async () => {
  // If one of them failed, the tests reported it.
  const [{ storages } = { storages: [] }, opened] = await Promise.all([
    instances?.catch(() => undefined),
    begun?.catch(() => undefined),
  ])
  instances = undefined
  begun = undefined
  await Promise.all(storages.map((storage) => storage.close()))
  await opened?.owner.end()
  await opened?.server.close()
})

/** The test file that imported this one first. The server is closed after it. */
const { testPath } = expect.getState()

async function begin(): Promise<Begun> {
  if (expect.getState().testPath !== testPath)
    throw new Error('A test file that uses PostgreSQL needs its own process: list it as `slow` in vitest.config.ts.')
  const server = await openPostgres()
  try {
    const database = await server.createDatabase(await createTemplate(server))
    const owner = new pg.Client(database.url)
    await owner.connect()
    return { server, database, owner }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The database of this file’s tests, with no rows in it: creating a new one would take longer than most tests. */
export async function emptyDatabase(): Promise<TestDatabase> {
  begun ??= begin()
  const { database, owner } = await begun
  // No trigger applies to this role: it may empty the audit log.
  await owner.query(
    `set session_replication_role = replica;
    do $$ declare name text; begin
      for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_version'
      loop execute format('delete from %I', name); end loop;
    end $$`,
  )
  return database
}

async function openInstances(): Promise<Instances> {
  const { url } = await emptyDatabase()
  const clock = { now: systemClock }
  const options = { sweepInterval: 0, usageDelay: 0, connections: 5, ...patient, now: () => clock.now() }
  return { storages: [await postgresStorage(url, options), await postgresStorage(url, options)], clock }
}

/**
 * The storages of two instances on one empty database. Closing them leaves them open for the next test: a new connection costs more than
 * most tests.
 */
export async function openTwoStorages(now = systemClock): Promise<[Storage, Storage]> {
  instances ??= openInstances()
  const { storages, clock } = await instances
  clock.now = now
  await emptyDatabase()
  const [one, other] = storages
  return [keptOpen(one), keptOpen(other)]
}

function keptOpen(storage: Storage): Storage {
  return new Proxy(storage, {
    get: (_, verb) => (verb === 'close' ? async () => undefined : (Reflect.get(storage, verb) as unknown)),
  })
}
