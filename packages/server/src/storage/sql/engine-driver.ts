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
