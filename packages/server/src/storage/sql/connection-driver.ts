import { setImmediate as nextTick } from 'node:timers/promises'
import type { DatabaseConnection, Driver } from 'kysely'

/** What drivers have in common: the engines begin and end transactions, and kysely never does. */
export abstract class EngineDriver {
  beginTransaction(): never {
    throw new TypeError('a transaction is begun by the engine')
  }

  commitTransaction(): never {
    throw new TypeError('a transaction is ended by the engine')
  }

  rollbackTransaction(): never {
    throw new TypeError('a transaction is ended by the engine')
  }
}

/** Gives kysely one connection, whose transactions others begin and end. */
export class ConnectionDriver extends EngineDriver implements Driver {
  readonly #connection: DatabaseConnection
  readonly #inTurn: Turns | undefined
  #release: (() => void) | undefined

  /** @param inTurn what has the connection to itself; undefined: whoever uses this has it */
  constructor(connection: DatabaseConnection, inTurn?: Turns) {
    super()
    this.#connection = connection
    this.#inTurn = inTurn
  }

  async init(): Promise<void> {
    // The connection is open.
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
    // Who opened the connection closes it.
  }
}

/** Milliseconds of one turn after the other, after which what else the process does comes first. */
const longest = 5

/** Runs work when all before it has ended, whatever became of that. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** Work that waits for nothing outside the process would keep it from all else as long as more of it comes. */
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
