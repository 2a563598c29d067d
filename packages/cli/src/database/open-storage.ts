import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { causeMessages } from 'countersign/discovery'
import {
  isPostgresUrl,
  type PooledStorage,
  type Storage,
  StorageError,
  type StorageOptions,
  shownDatabase,
} from 'countersign-server/operate'
import { CommandError, errorCode, exitStatus, usageError } from '../command/errors.js'

/** A storage, with connection counts if it uses a connection pool. */
type OpenedStorage = Storage & Partial<Pick<PooledStorage, 'connections'>>

export interface OpenOptions extends StorageOptions {
  /** PostgreSQL statement timeout, in seconds. @default the same as for a server */
  statementTimeout?: number | undefined
  /** Whether the tables must already exist. If false, they are created in an empty database. @default false */
  isMade?: boolean
}

/**
 * Opens the SQLite file or PostgreSQL database of a configuration.
 *
 * @throws CommandError with the reason if the database cannot be opened
 */
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
    throw usageError(`${database} is not a SQLite database${other}`, error)
  }
}

/** Reads the database's schema version (0 if the database is empty), and the newest version that this program supports. */
export async function readSchema(database: string): Promise<{ found: number; newest: number }> {
  if (isPostgresUrl(database)) return (await import('countersign-server/postgres')).readSchemaVersion(database)
  return (await import('countersign-server/sqlite')).readSchemaVersion(database)
}

async function requireTables(database: string): Promise<void> {
  if (!(await isEmpty(database))) return
  const what = `The database ${shownDatabase(database)} is empty. Its tables are created by countersign server db migrate, or the first time countersign server start runs.`
  throw new CommandError(
    `${what} If you expected restored data here, the restore failed: restore a complete backup before starting the server.`,
  )
}

async function isEmpty(database: string): Promise<boolean> {
  try {
    return (await readSchema(database)).found === 0
  } catch (error) {
    // Opening the file gives a more precise error about the file or its folder.
    if (!isPostgresUrl(database) && error instanceof StorageError) return false
    throw error
  }
}

/** For a file that is not a SQLite database: returns the rest of a sentence that describes what the file is and what to do with it. */
function otherFile(database: string): string | undefined {
  if (isPostgresUrl(database)) return undefined
  const found = statOf(database)
  if (typeof found === 'string' || !found.isFile() || found.size === 0) return undefined
  switch (kindOfFile(database)) {
    case 'sqlite':
      return undefined
    case 'dump':
      return ', but a PostgreSQL dump: restore it into a separate database (createdb, pg_restore), and pass the URL of that database. For the commands, see “Backup and restore” in the documentation.'
    default:
      return ': use the path of the database file (to pass a configuration, use --config).'
  }
}

/** Whether a SQLite file certainly does not exist, rather than being in a folder that this user may not access. */
export function isMissing(path: string): boolean {
  return statOf(path) === 'missing'
}

function statOf(path: string): Stats | 'missing' | 'inaccessible' {
  try {
    return statSync(path)
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(errorCode(error)) ? 'missing' : 'inaccessible'
  }
}

/** Describes a database failure to an operator, with what to do about it. Other errors are returned unchanged. */
export function databaseProblem(database: string, error: unknown, problem = 'is not responding'): unknown {
  if (!(error instanceof StorageError)) return error
  if (error.code !== 'unavailable') return new CommandError(error.message, { cause: error })
  const exitCode = isPostgresUrl(database) ? exitStatus.network : exitStatus.refused
  const message = `${describeOutage(database, error, problem)} ${outageAdvice(database)}`
  return new CommandError(message, { exitCode, cause: error })
}

/** Describes in one sentence why a database is unavailable. */
export function describeOutage(database: string, error: StorageError, problem = 'is not responding'): string {
  const why = causeMessages(error).join(': ') || error.message
  return `The database ${shownDatabase(database)} ${problem}: ${why}.`
}

/** Returns what an operator should check if a database is unavailable. */
export function outageAdvice(database: string): string {
  return isPostgresUrl(database)
    ? 'Check that PostgreSQL is running, that the host and port are right, and that this machine and this role are allowed to connect to it.'
    : 'Check that its folder has enough free space and the right permissions, and that no other process has locked the file.'
}

/** Length of the SQLite file header, in bytes. */
export const headerLength = 100

/** Detects SQLite files and `pg_dump` custom-format dumps by their magic bytes. */
export function kindOfFile(path: string): 'sqlite' | 'dump' | undefined {
  const beginning = beginningOf(path).toString('latin1')
  if (beginning.startsWith('SQLite format 3\0')) return 'sqlite'
  return beginning.startsWith('PGDMP') ? 'dump' : undefined
}

/** Returns the first bytes of a file, up to the length of a SQLite header, padded with zeros if the file is shorter. */
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
