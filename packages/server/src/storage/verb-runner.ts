import { StorageError } from './api/storage-error.js'
import type { Engine, Lasting, Statement, Unit } from './sql/engine.js'

/** How many times a transaction runs at most when it fails because of concurrent ones. */
const tries = 5

/** Turns verbs, which are functions over a statement or a transaction, into methods of the storage. */
export type VerbRunner = ReturnType<typeof createVerbRunner>

/** @throws StorageError `unavailable` from every method when the database does not respond */
export function createVerbRunner(engine: Engine) {
  /** Runs work again if a concurrent transaction made it fail. */
  async function retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let left = tries - 1; ; left -= 1) {
      try {
        return await work()
      } catch (error) {
        const mayRepeat = engine.mayRepeat(error)
        if (mayRepeat && left > 0) continue
        if (!mayRepeat && !engine.isUnavailable(error)) throw error
        throw new StorageError('unavailable', 'the database did not answer', { cause: error })
      }
    }
  }

  function reading<A extends unknown[], T>(
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(async () => verb(engine.reading(), ...args))
  }

  /** For a verb that changes at most one row, in one statement. */
  function alone<A extends unknown[], T>(
    lasting: Lasting,
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.statement(lasting, (statement) => verb(statement, ...args)))
  }

  /** For a verb that runs in a transaction. */
  function together<A extends unknown[], T>(
    lasting: Lasting,
    verb: (unit: Unit, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.transaction(lasting, (unit) => verb(unit, ...args)))
  }

  /** The same, after a read that needs no transaction. */
  function togetherAfter<A extends unknown[], F, T>(
    lasting: Lasting,
    first: (statement: Statement, ...args: A) => Promise<F>,
    verb: (unit: Unit, given: F, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) =>
      retrying(() =>
        engine.transaction(
          lasting,
          (unit, given: F) => verb(unit, given, ...args),
          (statement) => first(statement, ...args),
        ),
      )
  }

  return { retrying, reading, alone, together, togetherAfter }
}
