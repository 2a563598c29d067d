import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { codeOf, StorageError } from '../api/storage-error.js'
import { migrations } from './migrations.js'
import { isBusy } from './writer.js'

/** Size of the WAL, in pages, at which a commit checkpoints the WAL if this has not happened earlier: 64 MB. */
export const walAutocheckpointPages = 16_000

/** Number of milliseconds to wait while other processes open the same file. */
const patience = 5000
const memory = ':memory:'

/**
 * Opens a SQLite file and brings its schema up to date. A new file can be read only by its owner. A file that belongs to another program,
 * was written by a newer version, or cannot be written, is left unchanged.
 *
 * @param options.upgrade false to keep an older schema. @default true
 * @throws {StorageError} `not_ours`, `schema_newer` or `not_writable`, with instructions
 */
export function openDatabase(path: string, { upgrade = true } = {}): Database.Database {
  if (path === memory) return openInMemory()
  requireWritable(path)
  createPrivately(path)
  const database = new Database(path, { timeout: patience })
  try {
    requireOurSchema(database, path)
    enableWal(database)
    database.pragma('synchronous = FULL')
    database.pragma(`wal_autocheckpoint = ${walAutocheckpointPages}`)
    if (upgrade) migrate(database)
    return prepared(database)
  } catch (error) {
    database.close()
    throw error
  }
}

/** The initial content of an in-memory database. Loading it takes a fortieth of the time that creating the tables would take. */
let empty: Buffer | undefined

/**
 * Opens another connection to a file that {@link openDatabase} has opened; undefined for an in-memory database, which has only one
 * connection.
 */
export function openAgain(path: string): Database.Database | undefined {
  return path === memory ? undefined : prepared(new Database(path, { fileMustExist: true }))
}

function openInMemory(): Database.Database {
  empty ??= emptyDatabase()
  return prepared(new Database(empty))
}

function emptyDatabase(): Buffer {
  const database = new Database(memory)
  try {
    migrate(database)
    return database.serialize()
  } finally {
    database.close()
  }
}

function prepared(database: Database.Database): Database.Database {
  database.pragma('foreign_keys = ON')
  database.pragma('trusted_schema = OFF')
  database.pragma('temp_store = MEMORY') // pages saved by a savepoint are not written to a file
  database.pragma('busy_timeout = 0') // from here on, a Connection does the waiting
  return database
}

function requireOurSchema(database: Database.Database, path: string): void {
  const { version, tables } = readSchema(database)
  if (version > migrations.length) {
    throw new StorageError(
      'schema_newer',
      `${path} was written by a newer version of this program (schema ${version}; this version supports up to ${migrations.length}): install the newer version again, or restore a backup from before the upgrade.`,
    )
  }
  if (version === 0 ? tables.length === 0 : tables.includes('audit_event')) return
  throw new StorageError('not_ours', `${path} is another program’s database: use another file.`)
}

/** Reads the version and the tables in one transaction, because another process may write the schema in between. */
function readSchema(database: Database.Database): { version: number; tables: string[] } {
  const names = database.prepare<[], string>("select name from sqlite_schema where type = 'table'").pluck()
  return database.transaction(() => ({ tables: names.all(), version: versionOf(database) }))()
}

/**
 * Creates a new file that only its owner can read. An existing file is not opened, because closing a file that SQLite has open in this
 * process would drop SQLite's locks.
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/**
 * Switches a file to WAL mode, with retries: switching fails immediately if another process is doing the same, because SQLite's busy
 * timeout does not cover it.
 */
function enableWal(database: Database.Database): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const deadline = performance.now() + patience
  for (;;) {
    try {
      database.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      Atomics.wait(pause, 0, 0, 10)
    }
  }
}

function migrate(database: Database.Database): void {
  if (versionOf(database) >= migrations.length) return
  const applyMissing = database.transaction(() => {
    for (let step = nextStep(database); step !== undefined; step = nextStep(database)) database.exec(step)
  })
  applyMissing.exclusive()
}

function nextStep(database: Database.Database): string | undefined {
  return migrations[versionOf(database)]
}

function versionOf(database: Database.Database): number {
  return Number(database.pragma('user_version', { simple: true }))
}

/**
 * Requires that this process can write a SQLite file and the files that SQLite keeps next to it.
 *
 * @throws {StorageError} `not_writable`, with instructions
 */
function requireWritable(path: string): void {
  requireMode(dirname(path), constants.W_OK | constants.X_OK, 'u+wx')
  for (const file of [path, `${path}-wal`, `${path}-shm`]) requireMode(file, constants.R_OK | constants.W_OK, 'u+rw')
}

function requireMode(file: string, access: number, mode: string): void {
  try {
    accessSync(file, access)
  } catch (cause) {
    // The file may be missing: SQLite creates and deletes the files next to its database file.
    if (codeOf(cause) === 'ENOENT') return
    throw new StorageError('not_writable', `${file} cannot be written: ${adviceFor(file, cause, mode)}.`, { cause })
  }
}

function adviceFor(file: string, cause: unknown, mode: string): string {
  const { uid: owner } = statSync(file)
  const user = process.getuid?.()
  if (codeOf(cause) === 'EROFS') return 'its file system is mounted read-only'
  if (user === undefined || owner === user) return `give its user write access, for example with chmod ${mode} ${file}`
  return `it belongs to user ${owner}, but this process runs as user ${user}: run the program as the owner, or chown ${user} ${file}`
}
