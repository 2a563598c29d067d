import { sqlStorage } from '../../sql-storage.js'
import type { Storage, StorageOptions } from '../../storage.js'
import { StorageError } from '../../storage-error.js'
import { openClient, openPools, type PoolOptions } from './connections.js'
import { migrate } from './migrate.js'
import { postgresEngine } from './postgres-engine.js'

export interface PostgresOptions extends Omit<StorageOptions, 'now'>, PoolOptions {
  /** Clock, Unix seconds, for tests. @default the clock of the database */
  now?: () => number
}

/**
 * Storage in PostgreSQL 15 or newer, for any number of instances. The schema is brought up to date where the role may do
 * that; a write that was answered is as durable as the database makes it.
 *
 * @param url `postgres://user@host/database`; what it leaves out comes from the variables that `libpq` reads
 * @throws {StorageError} `unavailable` when the database cannot be reached; `not_writable`, `schema_newer` or `not_ours`, with
 * what to do, when it cannot be used
 *
 * @example
 * const storage = await postgresStorage('postgres://countersign@db.internal/countersign?sslmode=verify-full')
 */
export async function postgresStorage(url: string, { now, ...options }: PostgresOptions = {}): Promise<Storage> {
  const connect = () => openClient(url)
  try {
    const client = await connect()
    try {
      await migrate(client)
    } finally {
      await client.end()
    }
  } catch (error) {
    if (error instanceof StorageError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new StorageError('unavailable', `The database cannot be opened: ${why}`, { cause: error })
  }
  return sqlStorage(postgresEngine(openPools(url, options), connect, now), options)
}
