import { setTimeout as wait } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'

/** Milliseconds that a statement waits for another writer: short enough to answer within two seconds. */
const patience = 1500

/**
 * Waits for other writers without stopping the process, as SQLite's own busy timeout would: the writer waited for may
 * be another connection of this very process. Inside a transaction nothing is repeated.
 */
export class PatientConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection
  readonly #database: Database.Database

  constructor(connection: DatabaseConnection, database: Database.Database) {
    this.#connection = connection
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const deadline = performance.now() + patience
    for (;;) {
      try {
        return await this.#connection.executeQuery<R>(query)
      } catch (error) {
        if (!isBusy(error) || this.#database.inTransaction || performance.now() > deadline) throw error
        await wait(1 + Math.random() * 7)
      }
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#connection.streamQuery<R>(query, chunkSize)
  }
}

/** Whether SQLite gave up because another connection is writing. Nothing has happened then. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
}
