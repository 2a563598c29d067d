import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { errorReasons } from 'countersign/wire'
import { type Storage, StorageError, type StorageOptions } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { CommandError } from '../command/command-error.js'

/** Opens the SQLite file, or says why it cannot be opened. */
export function openStorage(path: string, options: StorageOptions = {}): Storage {
  try {
    return sqliteStorage(path, options)
  } catch (error) {
    const isUnopened = error instanceof StorageError && error.code === 'unavailable'
    if (!isUnopened || !isOtherFile(path)) throw databaseProblem(path, error, 'cannot be opened')
    throw new CommandError(
      `${path} is no SQLite database: name the file of the database (a configuration: --config).`,
      {
        cause: error,
      },
    )
  }
}

/** Whether the file has something else in it than SQLite writes at its beginning. */
function isOtherFile(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false
  const magic = Buffer.from('SQLite format 3\0')
  const beginning = Buffer.alloc(magic.length)
  const file = openSync(path, 'r')
  try {
    const length = readSync(file, beginning)
    return length > 0 && !beginning.equals(magic)
  } finally {
    closeSync(file)
  }
}

/** What went wrong with a database, in a sentence for an operator; anything else as it is. */
export function databaseProblem(path: string, error: unknown, problem = 'does not answer'): unknown {
  if (!(error instanceof StorageError)) return error
  if (error.code !== 'unavailable') return new CommandError(error.message, { cause: error })
  const why = errorReasons(error).join(': ') || error.message
  return new CommandError(`The database ${path} ${problem}: ${why}.`, { cause: error })
}
