import { errorReasons } from 'countersign/wire'
import { type Storage, StorageError, type StorageOptions } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { CommandError } from '../command/command-error.js'

/** Opens the SQLite file, or says why it cannot be opened. */
export function openStorage(path: string, options: StorageOptions = {}): Storage {
  try {
    return sqliteStorage(path, options)
  } catch (error) {
    throw databaseProblem(path, error, 'cannot be opened')
  }
}

/** What went wrong with a database, in a sentence for an operator; anything else as it is. */
export function databaseProblem(path: string, error: unknown, problem = 'does not answer'): unknown {
  if (!(error instanceof StorageError)) return error
  if (error.code !== 'unavailable') return new CommandError(error.message, { cause: error })
  const why = errorReasons(error).join(': ') || error.message
  return new CommandError(`The database ${path} ${problem}: ${why}.`, { cause: error })
}
