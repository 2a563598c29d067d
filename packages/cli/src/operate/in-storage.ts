import { existsSync } from 'node:fs'
import { isPostgresUrl, type LoadedConfig, loadConfig, requireOwnDatabase, type Storage } from 'countersign-server'
import { CommandError, usageError } from '../command/command-error.js'
import { databaseProblem, type OpenOptions, openStorage } from '../database/open-storage.js'
import type { Terminal } from '../terminal/terminal.js'
import type { OperationOptions } from './flags.js'

/** What an operator's command works on. */
export interface Operation {
  storage: Storage
  /** The path of the SQLite file, or the URL of the PostgreSQL database. */
  database: string
  /** Absent where the command was given only the database. */
  config: LoadedConfig | undefined
}

/**
 * Opens the database that the flags name, works in it and closes it, whatever happens.
 *
 * @throws CommandError when there is none, or it does not answer
 */
export async function inStorage<T>(
  { config, db }: OperationOptions,
  { env }: Terminal,
  work: (operation: Operation) => Promise<T>,
  options: Pick<OpenOptions, 'statementTimeout'> = {},
): Promise<T> {
  if (config === undefined && db === undefined) throw usageError('Say which server: --config <file> or --db <file>.')
  const loaded = config === undefined ? undefined : await loadConfig(config, env)
  const database = loaded?.settings.database ?? db ?? ''
  // Opening would make an empty one, and the real one would seem to have lost everything.
  if (!isPostgresUrl(database) && !existsSync(database)) {
    throw new CommandError(`There is no database ${database}: countersign serve makes it at its first start.`)
  }
  const storage = await openStorage(database, { sweepInterval: 0, isMade: true, ...options })
  try {
    if (loaded) await requireOwnDatabase(storage, loaded.settings.issuer)
    return await work({ storage, database, config: loaded })
  } catch (error) {
    throw databaseProblem(database, error)
  } finally {
    await storage.close()
  }
}
