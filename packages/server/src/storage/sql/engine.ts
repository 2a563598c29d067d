import type { CompiledQuery, Kysely, RawBuilder, SelectQueryBuilder } from 'kysely'
import type { Tables } from './tables.js'

/**
 * What a write that was answered outlives. `disk`: a power cut. `process`: the end of this program, be it killed; the
 * machine, or the server of a database, may take its last moments with it. `nonce`: as `process` where another copy of the
 * database can never take over without them, else as `disk`.
 */
export type Lasting = 'disk' | 'nonce' | 'process'

/** What queries are written with. */
export interface Parts {
  db: Kysely<Tables>
  /** The storage's clock as an expression: Unix seconds, one time throughout the statement. */
  clock: RawBuilder<number>
  /**
   * The same query, which locks what it reads of these tables as {@link Unit.lockRows} does, in this order. It reads those
   * rows as they are then, and all others, what is counted among them too, as they were when it began. In a transaction only.
   */
  locking: <DB, TB extends keyof DB, O>(
    query: SelectQueryBuilder<DB, TB, O>,
    tables: Locks<TB>,
    how?: HowLocked,
  ) => typeof query
}

/** What queries differ in from database to database, and is the same for all of one. */
export interface Form {
  parts: Omit<Parts, 'clock'>
  /** The clock, where the time is given with the query, and where the database has its own. */
  clock(at: RawBuilder<number>): RawBuilder<number>
}

/** What a verb of one statement works with. */
export interface Statement extends Parts {
  form: Form
  /** Executes a query that is written already. */
  ask: <R>(query: CompiledQuery<R>) => Promise<R[]>
  /** What `clock` says; undefined: that is known by the database alone. */
  at: number | undefined
  /** Seconds that the clock of the machine is behind `clock`, which does not go back with it; 0 where the database has its own. */
  behind: number
}

/** What a verb of several statements works in: one transaction, in which nothing else is awaited. */
export interface Unit extends Statement {
  /** What `clock` says, the same throughout the transaction. */
  now: number
  /** Waits until nobody else holds the lock of this name, and holds it to the end of the transaction. */
  exclusive(name: string): Promise<void>
  /**
   * Waits until nobody else changes the rows of a query, and keeps them as they are to the end of the transaction:
   * `shared` with others who keep them, `alone` where this transaction changes them, `whole` where it may delete them, so
   * that no new row names them. What was read before may be older. Everybody locks in one order, so that no two wait for
   * each other: the nonce of a request or the attempt of a person, people, agents, requests, grants, then what hangs on these,
   * and the counts of nonces last; of several rows those with lower ids first, and of nonces those with lower keys.
   */
  lockRows(strength: LockStrength, rows: Lockable): Promise<void>
}

export type LockStrength = 'shared' | 'alone' | 'whole'

/** `passing`: rows that somebody else has locked are left out, and nobody is waited for. */
export type HowLocked = 'passing'

/** How rows are locked, by the names that tables have in a query. */
export type Locks<TB extends PropertyKey> = Readonly<Partial<Record<TB, LockStrength>>>

/** A query whose rows can be locked. */
export interface Lockable {
  forShare(): { execute(): Promise<unknown> }
  forNoKeyUpdate(): { execute(): Promise<unknown> }
  forUpdate(): { execute(): Promise<unknown> }
}

/** How many events were deleted, and the ids of what they named, which nothing else may name now. */
export interface DeletedEvents {
  events: number
  agentIds: number[]
  resourceIds: number[]
}

/** The connections of a pool. */
export interface ConnectionCounts {
  idle: number
  used: number
  /** Who waits for one. */
  waiting: number
}

/** What differs between databases. Every verb is written to be safe where a statement sees what was committed before it. */
export interface Engine {
  /** For verbs that only read. */
  reading(): Statement
  /** Runs a verb that writes in one statement. Its answer lasts. */
  statement<T>(lasting: Lasting, verb: (statement: Statement) => Promise<T>): Promise<T>
  /**
   * Runs a verb in a transaction, which is taken back when it rejects. Its answer lasts.
   *
   * @param first what the transaction begins with: it is sent together with its beginning, and what it gives is there for the verb
   */
  transaction<T>(lasting: Lasting, verb: (unit: Unit) => Promise<T>): Promise<T>
  transaction<T, F>(
    lasting: Lasting,
    verb: (unit: Unit, given: F) => Promise<T>,
    first: (statement: Statement) => Promise<F>,
  ): Promise<T>
  /** Runs what only one instance needs to do at a time, unless another one does. */
  ifNobodyElse(name: string, work: () => Promise<void>): Promise<void>
  /**
   * Makes room for the events to come, and deletes some of those up to a time (Unix seconds): nobody may do that otherwise,
   * and it is refused for the last 400 days.
   */
  keepEvents(before: number): Promise<DeletedEvents>
  /** Makes new rows go on after those that were inserted with ids. */
  continueIds(unit: Unit): Promise<void>
  /** Whether a transaction failed only because of others (serialization, deadlock): it is then run again, a few times. */
  mayRepeat(error: unknown): boolean
  /** Whether this error means that the database did not answer, rather than that the call was wrong. */
  isUnavailable(error: unknown): boolean
  close(): Promise<void>
}
