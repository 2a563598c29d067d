import type { DatabaseConnection, Driver } from 'kysely'
import { EngineDriver } from './engine-driver.js'
import type { Turns } from './turns.js'

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
