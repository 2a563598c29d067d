import { setImmediate as nextTick } from 'node:timers/promises'
import type { DatabaseConnection, Driver } from 'kysely'

/** The common base of the drivers. The engines begin and end transactions; kysely never does. */
export abstract class EngineDriver {
  beginTransaction(): never {
    throw new TypeError('transactions are started by the engine')
  }

  commitTransaction(): never {
    throw new TypeError('transactions are ended by the engine')
  }

  rollbackTransaction(): never {
    throw new TypeError('transactions are ended by the engine')
  }
}

/** Provides kysely with one connection, on which the engine begins and ends transactions. */
export class ConnectionDriver extends EngineDriver implements Driver {
  readonly #connection: DatabaseConnection
  readonly #inTurn: Turns | undefined
  #release: (() => void) | undefined

  /** @param inTurn gives exclusive use of the connection; undefined if the caller already has it */
  constructor(connection: DatabaseConnection, inTurn?: Turns) {
    super()
    this.#connection = connection
    this.#inTurn = inTurn
  }

  async init(): Promise<void> {
    // The connection is already open.
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const inTurn = this.#inTurn
    if (inTurn) await new Promise<void>((begin) => void inTurn(() => this.#hold(begin)))
    return this.#connection
  }

  async releaseConnection(): Promise<void> {
    this.#release?.()
  }

  #hold(begin: () => void): Promise<void> {
    return new Promise((release) => {
      this.#release = release
      begin()
    })
  }

  async destroy(): Promise<void> {
    // The code that opened the connection closes it.
  }
}

/** Number of milliseconds for which turns run back to back before the rest of the process gets a chance to run. */
const longest = 5

/** Runs work once all earlier work has settled, whatever its outcome. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Creates a queue that runs one piece of work at a time. It yields regularly, because work that waits for nothing outside the process would
 * otherwise starve everything else for as long as more work arrives.
 */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let unended = 0
  let since: number | undefined

  async function take<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    await before
    since ??= performance.now()
    if (performance.now() - since > longest) {
      await nextTick()
      since = performance.now()
    }
    return work()
  }

  function end(): void {
    unended -= 1
    if (unended === 0) since = undefined
  }

  return function inTurn(work) {
    unended += 1
    const done = take(last, work)
    last = done.then(end, end)
    return done
  }
}
