import Database from 'better-sqlite3'

/** Whether SQLite gave up because another connection is writing. Nothing has happened then. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
