import { type Storage, StorageError, type StorageOptions, sqliteStorage } from 'countersign-server'
import { CommandError } from '../command-error.js'

/** Opens the SQLite file, or says why it cannot be opened. */
export function openStorage(path: string, options: StorageOptions = {}): Storage {
  try {
    return sqliteStorage(path, options)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new CommandError(`The database ${path} cannot be opened: ${reason}.`, { cause: error })
  }
}
