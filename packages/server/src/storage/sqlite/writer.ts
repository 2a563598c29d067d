import { setImmediate } from 'node:timers'
import type Database from 'better-sqlite3'
import { StorageError } from '../api/storage-error.js'
import { createTurns, type Turns } from '../sql/connection-driver.js'
import { Connection, type Executed } from './connection.js'

/** Milliseconds for which what was done waits at most for more that is written with it. */
const longest = 4

/** How much is written at once. */
const most = 16

const statement = (sql: string): Executed => ({ sql, parameters: [] })
const begin = statement('begin immediate')
const commit = statement('commit')
const rollback = statement('rollback')
const mark = statement('savepoint work')
const unmark = statement('release work')
const takeBack = statement('rollback to work')
const setDurable = statement('pragma synchronous = FULL')
const setQuick = statement('pragma synchronous = NORMAL')

/** Writes to a SQLite file. */
export interface Writer {
  /** For the statements of what is written. */
  readonly connection: Connection
  /** Gives the connection to one at a time. */
  readonly inTurn: Turns
  /**
   * Does some work in a transaction and resolves when it was committed. Work that rejects has changed nothing.
   *
   * @param isDurable whether what was written has to reach the disk before this resolves
   */
  write<T>(isDurable: boolean, work: () => Promise<T>): Promise<T>
  /** Resolves when what was begun is written; nothing more is. */
  close(): Promise<void>
}

/** What is committed at once, in one transaction. */
interface Batch {
  isDurable: boolean
  began: number
  count: number
  /** Rejects where it could not be written. */
  written: Promise<void>
  settle: (error?: unknown) => void
}

/**
 * Writes what comes in one turn of the event loop after the other at once: many then wait together for the disk, and pages
 * that all of them change are written once.
 *
 * @param options.isShared whether other connections see what this one committed, and nothing else; false: each work is
 * committed before its turn ends
 * @param options.onCommitted told of each commit
 */
export function createWriter(
  database: Database.Database,
  { isShared, onCommitted }: { isShared: boolean; onCommitted?: (() => void) | undefined },
): Writer {
  const connection = new Connection(database)
  const inTurn = createTurns()
  let batch: Batch | undefined
  let isSynced = true
  let isClosed = false

  async function beginBatch(isDurable: boolean, since: number): Promise<Batch> {
    if (isDurable !== isSynced) {
      // What is written less durably comes to the disk with whatever is written after it: they share one log.
      connection.execute(isDurable ? setDurable : setQuick)
      isSynced = isDurable
    }
    // Of many that wait for another process, none waits longer for those before it.
    await connection.executeQuery(begin, since)
    let settle: Batch['settle'] = () => undefined
    const written = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error))
    })
    // Where none of its work succeeded, nobody waits for it.
    written.catch(() => undefined)
    return { isDurable, began: performance.now(), count: 0, written, settle }
  }

  /** The batch that work is added to. */
  async function openBatch(isDurable: boolean, since: number): Promise<Batch> {
    if (batch && (batch.count >= most || (isDurable && !batch.isDurable))) end(batch)
    if (batch) return batch
    batch = await beginBatch(isDurable, since)
    if (isShared) setImmediate(endSoon, batch, 1)
    return batch
  }

  async function add<T>(to: Batch, work: () => Promise<T>): Promise<T> {
    try {
      // What is marked once more is taken back to its last mark, and all marks end with the transaction.
      if (to.count > 0) connection.execute(mark)
      const outcome = await work()
      to.count += 1
      return outcome
    } catch (error) {
      undo(to, error)
      throw error
    }
  }

  function undo(of: Batch, error: unknown): void {
    if (!connection.isInTransaction) {
      // After a full disk or an I/O error SQLite has taken all of it back by itself.
      over(of, error)
    } else if (of.count > 0) {
      connection.execute(takeBack)
      connection.execute(unmark)
    } else {
      connection.execute(rollback)
      over(of)
    }
  }

  function end(ended: Batch): void {
    let failure: unknown
    try {
      connection.execute(commit)
    } catch (error) {
      failure = error
      if (connection.isInTransaction) connection.execute(rollback)
    }
    over(ended, failure)
    if (failure === undefined) onCommitted?.()
  }

  function over(ended: Batch, error?: unknown): void {
    batch = undefined
    ended.settle(error)
  }

  /** Waits on as long as each turn brings more. */
  function endSoon(ending: Batch, before: number): void {
    if (batch !== ending) return
    const { count, began } = ending
    if (count > before && count < most && performance.now() - began < longest) {
      setImmediate(endSoon, ending, count)
      return
    }
    void inTurn(async () => {
      if (batch === ending) end(ending)
    })
  }

  return {
    connection,
    inTurn,
    async write(isDurable, work) {
      const since = performance.now()
      const { outcome, written } = await inTurn(async () => {
        if (isClosed) throw new StorageError('unavailable', 'the database was closed')
        const to = await openBatch(isDurable, since)
        const outcome = await add(to, work)
        if (!isShared) end(to)
        return { outcome, written: to.written }
      })
      await written
      return outcome
    },
    close() {
      isClosed = true
      return inTurn(async () => {
        if (batch) end(batch)
      })
    },
  }
}
