import type { ClientBase } from 'pg'
import type { PooledStorage, StorageOptions } from '../api/storage.js'
import { StorageError } from '../api/storage-error.js'
import { sqlStorage } from '../sql-storage.js'
import { openClient, openPools, type PoolOptions } from './connections.js'
import { migrate, versionOf } from './migrate.js'
import { migrations } from './migrations.js'
import { openFailure, requireSslMode } from './open-failure.js'
import { type PooledEngine, postgresEngine } from './postgres-engine.js'

export interface PostgresOptions extends StorageOptions, PoolOptions {
  /** Clock, in Unix seconds, for tests. @default the database's clock */
  now?: () => number
}

/**
 * Opens storage in PostgreSQL 15 or newer, for any number of instances. Brings the schema up to date if the role is allowed to. A write
 * that was acknowledged is as durable as the database makes it.
 *
 * @param url `postgres://user@host/database`; missing parts are taken from the environment variables that `libpq` reads
 * @throws {StorageError} `unavailable` if the database cannot be reached; `misconfigured`, `not_writable`, `schema_newer` or `not_ours`,
 * with instructions, if it cannot be used
 *
 * @example
 * const storage = await postgresStorage('postgres://countersign@db.internal/countersign?sslmode=verify-full')
 */
export async function postgresStorage(url: string, options: PostgresOptions = {}): Promise<PooledStorage> {
  const engine = await openPostgres(url, options)
  return { ...sqlStorage(engine, options), connections: () => engine.connections() }
}

/**
 * Opens a database for {@link copyRows} and brings its schema up to date.
 *
 * @throws {StorageError} like {@link postgresStorage}
 */
export async function openPostgres(url: string, { now, ...options }: PostgresOptions = {}): Promise<PooledEngine> {
  await migratePostgres(url)
  return postgresEngine(openPools(url, options), () => openClient(url), now)
}

/**
 * Brings the schema up to date, and grants a role the privileges that a running server needs. That role may not change or delete audit events.
 *
 * @param url URL with the role that owns the tables
 * @throws {StorageError} like {@link postgresStorage}; `misconfigured` if the role does not exist, in which case nothing was changed
 */
export async function migratePostgres(url: string, { serveAs }: { serveAs?: string } = {}): Promise<void> {
  await onConnection(url, async (client) => {
    if (serveAs !== undefined) await requireRole(client, serveAs)
    await migrate(client)
    if (serveAs !== undefined) await client.query('select may_serve($1)', [serveAs])
  })
}

async function requireRole(client: ClientBase, role: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role])
  if (rowCount === 0)
    throw new StorageError(
      'misconfigured',
      `The role ${role} does not exist: create it first (create role … login), or correct its name.`,
    )
}

/**
 * Returns the database's schema version, 0 if the database is empty, and the newest version that this program supports.
 *
 * @throws {StorageError} like {@link postgresStorage}
 */
export async function readSchemaVersion(url: string): Promise<{ found: number; newest: number }> {
  return onConnection(url, async (client) => ({ found: await versionOf(client), newest: migrations.length }))
}

async function onConnection<T>(url: string, work: (client: ClientBase) => Promise<T>): Promise<T> {
  requireSslMode(url)
  try {
    const client = await openClient(url)
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  } catch (error) {
    throw openFailure(error)
  }
}
