import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { errorReasons } from 'countersign/discovery'
import {
  isPostgresUrl,
  type PooledStorage,
  type Storage,
  StorageError,
  type StorageOptions,
  shownDatabase,
} from 'countersign-server'
import { CommandError, exitStatus } from '../command/errors.js'

/** A storage, with the counts of its connections where it has a pool. */
type OpenedStorage = Storage & Partial<Pick<PooledStorage, 'connections'>>

export interface OpenOptions extends StorageOptions {
  /** Seconds that PostgreSQL may work on one statement. @default as for a server */
  statementTimeout?: number | undefined
  /** Whether a database without tables is refused; otherwise they are made. @default false */
  isMade?: boolean
}

/** Opens the SQLite file or the PostgreSQL database of a configuration, or says why it cannot be opened. */
export async function openStorage(
  database: string,
  { statementTimeout, isMade = false, ...options }: OpenOptions = {},
): Promise<OpenedStorage> {
  try {
    if (isMade) await requireTables(database)
    if (isPostgresUrl(database)) {
      const { postgresStorage } = await import('countersign-server/postgres')
      const timeouts = statementTimeout === undefined ? {} : { statement: statementTimeout }
      return await postgresStorage(database, { ...options, timeouts })
    }
    const { sqliteStorage } = await import('countersign-server/sqlite')
    return sqliteStorage(database, options)
  } catch (error) {
    const isUnopened = error instanceof StorageError && error.code === 'unavailable'
    const other = isUnopened ? otherFile(database) : undefined
    if (other === undefined) throw databaseProblem(database, error, 'cannot be opened')
    throw new CommandError(`${database} is no SQLite database${other}`, { cause: error })
  }
}

/** The version of the schema that a database has, 0 where it is empty, and the newest that this program knows. */
export async function readSchema(database: string): Promise<{ found: number; newest: number }> {
  if (isPostgresUrl(database)) return (await import('countersign-server/postgres')).readSchemaVersion(database)
  return (await import('countersign-server/sqlite')).readSchemaVersion(database)
}

async function requireTables(database: string): Promise<void> {
  if (!(await isEmpty(database))) return
  const what = `The database ${shownDatabase(database)} is empty: countersign serve makes its tables at its first start, or countersign db migrate.`
  throw new CommandError(`${what} If a backup should be in it, nothing was restored: restore one that is whole.`)
}

async function isEmpty(database: string): Promise<boolean> {
  try {
    return (await readSchema(database)).found === 0
  } catch (error) {
    // Opening a file says what is wrong with it, and with its folder.
    if (!isPostgresUrl(database) && error instanceof StorageError) return false
    throw error
  }
}

/** What a file is that is no SQLite database, and what to do with it, as the rest of a sentence. */
function otherFile(database: string): string | undefined {
  if (isPostgresUrl(database)) return undefined
  const stats = statSync(database, { throwIfNoEntry: false })
  if (!stats?.isFile() || stats.size === 0) return undefined
  switch (kindOfFile(database)) {
    case 'sqlite':
      return undefined
    case 'dump':
      return ', but a dump of PostgreSQL: restore it into a database of its own (createdb, pg_restore), and name the URL of that one; docs/deployment.md has the commands.'
    default:
      return ': name the file of the database (a configuration: --config).'
  }
}

/** What went wrong with a database, in a sentence for an operator; anything else as it is. */
export function databaseProblem(database: string, error: unknown, problem = 'does not answer'): unknown {
  if (!(error instanceof StorageError)) return error
  if (error.code !== 'unavailable') return new CommandError(error.message, { cause: error })
  const why = errorReasons(error).join(': ') || error.message
  const exitCode = isPostgresUrl(database) ? exitStatus.network : exitStatus.refused
  return new CommandError(`The database ${shownDatabase(database)} ${problem}: ${why}.`, { exitCode, cause: error })
}

/** Bytes of the header of a SQLite file. */
export const headerLength = 100

/** Whose file it is, by what SQLite, and the custom format of `pg_dump`, write at the beginning of theirs. */
export function kindOfFile(path: string): 'sqlite' | 'dump' | undefined {
  const beginning = beginningOf(path).toString('latin1')
  if (beginning.startsWith('SQLite format 3\0')) return 'sqlite'
  return beginning.startsWith('PGDMP') ? 'dump' : undefined
}

/** As many bytes as the header of SQLite has, with zeros after the end of a shorter file. */
export function beginningOf(path: string): Buffer {
  const beginning = Buffer.alloc(headerLength)
  const file = openSync(path, 'r')
  try {
    readSync(file, beginning)
  } finally {
    closeSync(file)
  }
  return beginning
}
