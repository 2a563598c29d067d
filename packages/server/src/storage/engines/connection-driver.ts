import type { DatabaseConnection, Driver } from 'kysely'
import type { Turns } from './turns.js'

/** Gives kysely one connection, whose transactions others begin and end. */
export class ConnectionDriver implements Driver {
  readonly #connection: DatabaseConnection
  readonly #inTurn: Turns | undefined
  #release: (() => void) | undefined

  /** @param inTurn what has the connection to itself; undefined: whoever uses this has it */
  constructor(connection: DatabaseConnection, inTurn?: Turns) {
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

  beginTransaction(): never {
    throw new TypeError('a transaction is begun by the engine')
  }

  commitTransaction(): never {
    throw new TypeError('a transaction is ended by the engine')
  }

  rollbackTransaction(): never {
    throw new TypeError('a transaction is ended by the engine')
  }

  async destroy(): Promise<void> {
    // Who opened the connection closes it.
  }
}
