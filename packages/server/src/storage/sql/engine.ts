import type { CompiledQuery, Kysely, RawBuilder, SelectQueryBuilder } from 'kysely'
import type { Tables } from './tables.js'

/**
 * What an acknowledged write survives. `disk`: a power failure. `process`: the end of this program, even if it is killed; a crash of the
 * machine or of the database server may lose the latest writes. `nonce`: like `process` if no other copy of the database can ever take over
 * without the nonces, otherwise like `disk`.
 */
export type Lasting = 'disk' | 'nonce' | 'process'

/** The building blocks of queries. */
export interface Parts {
  db: Kysely<Tables>
  /** The storage's clock as an expression: Unix seconds, constant within a statement. */
  clock: RawBuilder<number>
  /**
   * Returns the same query with locks on the rows that it reads from these tables, in the order that {@link Unit.lockRows} specifies. The
   * query sees the locked rows as of the lock, and all other rows, including those that it counts, as of its start. Only in a transaction.
   */
  locking: <DB, TB extends keyof DB, O>(
    query: SelectQueryBuilder<DB, TB, O>,
    tables: Locks<TB>,
    how?: LockMode,
  ) => typeof query
}

/** The parts of a query that differ between databases and are constant for one database. */
export interface Form {
  parts: Omit<Parts, 'clock'>
  /** Returns the clock expression: the time passed along with the query, or the database's own clock if it has one. */
  clock(at: RawBuilder<number>): RawBuilder<number>
}

/** The context of a verb that runs one statement. */
export interface Statement extends Parts {
  form: Form
  /** Executes a query that is already compiled. */
  ask: <R>(query: CompiledQuery<R>) => Promise<R[]>
  /** The value of `clock`; undefined if only the database knows it. */
  at: number | undefined
  /** Number of seconds by which the machine's clock is behind `clock`, which never goes backwards; 0 if the database has its own clock. */
  behind: number
}

/** The context of a verb that runs several statements: one transaction, in which nothing else is awaited. */
export interface Unit extends Statement {
  /** The value of `clock`, constant throughout the transaction. */
  now: number
  /** Waits until no other transaction holds the lock with this name, and then holds it until the end of the transaction. */
  exclusive(name: string): Promise<void>
  /**
   * Waits until no other transaction is changing a query's rows, and then protects them until the end of the transaction: `shared` with
   * other transactions that protect them, `alone` if this transaction changes them, `whole` if it may delete them, so that no new row
   * references them. Values that were read earlier may be stale. To prevent deadlocks, all transactions lock in the same order: a request's
   * nonce or a user's attempt, users, agents, requests, grants, the rows that depend on these, and finally the counts of nonces. Within a
   * table, rows are locked by ascending id, and nonces by ascending key.
   */
  lockRows(strength: LockStrength, rows: Lockable): Promise<void>
}

export type LockStrength = 'shared' | 'alone' | 'whole'

/** `passing`: rows that another transaction has locked are skipped instead of being waited for. */
export type LockMode = 'passing'

/** How rows are locked, by the names of the query's tables. */
export type Locks<TB extends PropertyKey> = Readonly<Partial<Record<TB, LockStrength>>>

/** A query whose rows can be locked. */
export interface Lockable {
  forShare(): { execute(): Promise<unknown> }
  forNoKeyUpdate(): { execute(): Promise<unknown> }
  forUpdate(): { execute(): Promise<unknown> }
}

/** How many events were deleted, and the ids of the rows that they referenced, which may now be unreferenced. */
export interface DeletedEvents {
  events: number
  agentIds: number[]
  resourceIds: number[]
}

/** The number of connections in a pool, by state. */
export interface ConnectionCounts {
  idle: number
  used: number
  /** Callers that are waiting for a connection. */
  waiting: number
}

/**
 * Everything that differs between databases. Every verb is written to be safe if each statement sees everything that was committed before
 * it.
 */
export interface Engine {
  /** For verbs that only read. */
  reading(): Statement
  /** Runs a verb that writes in one statement. The write is durable when this resolves. */
  statement<T>(lasting: Lasting, verb: (statement: Statement) => Promise<T>): Promise<T>
  /**
   * Runs a verb in a transaction, which is rolled back if the verb rejects. The writes are durable when this resolves.
   *
   * @param first the first statement of the transaction, which is sent together with `begin`; its result is passed to the verb
   */
  transaction<T>(lasting: Lasting, verb: (unit: Unit) => Promise<T>): Promise<T>
  transaction<T, F>(
    lasting: Lasting,
    verb: (unit: Unit, given: F) => Promise<T>,
    first: (statement: Statement) => Promise<F>,
  ): Promise<T>
  /** Runs work that only one instance needs to do at a time, unless another instance is already doing it. */
  ifNotRunningElsewhere(name: string, work: () => Promise<void>): Promise<void>
  /**
   * Makes room for future events, and deletes some of the events up to a given time (Unix seconds). Events cannot be deleted in any other
   * way, and events from the last 400 days cannot be deleted at all.
   */
  maintainAuditLog(before: number): Promise<DeletedEvents>
  /** Makes generated ids continue after the ids of rows that were inserted with explicit ids. */
  resetIdSequences(unit: Unit): Promise<void>
  /** Whether a transaction failed only because of concurrent transactions (serialization, deadlock). It is then retried a few times. */
  isRetryable(error: unknown): boolean
  /** Whether this error means that the database did not respond, rather than that the call was invalid. */
  isUnavailable(error: unknown): boolean
  close(): Promise<void>
}
