/** Whether the setting `database` is the URL of a PostgreSQL database, and not the path of a SQLite file. */
export function isPostgresUrl(database: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(database)
}

/** The setting as it may be shown: without the password in a URL. */
export function shownDatabase(database: string): string {
  if (!isPostgresUrl(database)) return database
  return database.replace(/^([^:]+:\/\/[^/?@:]*):[^/@]*@/, '$1@').replaceAll(/([?&]password=)[^&]*/gi, '$1…')
}

/** Whether a password stands in it. */
export function holdsPassword(database: string): boolean {
  return shownDatabase(database) !== database
}

/** What is wrong with the setting; nothing where it may be right. */
export function databaseProblem(database: string): string | undefined {
  if (isPostgresUrl(database)) {
    return /^[^?]*\/\/[^/?]*\/[^/?]+(?:\?.*)?$/.test(database)
      ? undefined
      : 'names no database: write postgres://user@host/database'
  }
  return /^(?:file|sqlite3?|postgres(?:ql)?):|:\/\//i.test(database)
    ? 'must be the path of a SQLite file, such as auth.db, or the URL of a PostgreSQL database, such as postgres://countersign@db.internal/countersign'
    : undefined
}
