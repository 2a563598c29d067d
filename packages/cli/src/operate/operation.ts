import { userInfo } from 'node:os'
import {
  isPostgresUrl,
  type LoadedConfig,
  loadConfig,
  requireOwnDatabase,
  type Storage,
} from 'countersign-server/operate'
import { exitStatus, usageError } from '../command/errors.js'
import { databaseProblem, isMissing, type OpenOptions, openStorage } from '../database/open-storage.js'
import { renderTable } from '../terminal/table.js'
import type { Terminal } from '../terminal/terminal.js'

/** Flags as parsed by commander. */
export interface OperationOptions {
  config?: string
  db?: string
  json?: true
}

export interface ChangeOptions extends OperationOptions {
  by?: string
}

/** Returns the operator's name for the audit log: the name given with `--by`, or else the system user. */
export function operatorName({ by }: ChangeOptions): string {
  if (by !== undefined) {
    if (!/^[\p{L}\p{N}\p{P}\p{S}]{1,100}$/u.test(by))
      throw usageError('--by must be 1 to 100 letters, digits, punctuation marks or symbols, without spaces.')
    return `operator:${by}`
  }
  try {
    return `operator:${userInfo().username}`
  } catch (error) {
    // A container may run as a user that has no name.
    if (error instanceof Error && 'code' in error) return `operator:uid-${process.getuid?.() ?? 'unknown'}`
    throw error
  }
}

const maxRows = 100_000

/** Parses the maximum number of rows in a list. */
function parseLimit(text: string | undefined): number {
  const limit = Number(text ?? 1000)
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxRows) return limit
  throw usageError(`--limit must be a whole number from 1 to ${maxRows}.`)
}

/** How a list command reads its rows and shows them. */
interface List<T> {
  /** Reads at most this number of rows. */
  find: (operation: Operation, limit: number) => Promise<readonly T[]>
  headings: readonly string[]
  cells: (row: T) => readonly string[]
}

/** Prints a list command's rows as a table or as JSON, up to its `--limit`, and reports if there are more. */
export async function printList<T>(
  flags: OperationOptions & { limit?: string },
  terminal: Terminal,
  { find, headings, cells }: List<T>,
): Promise<number> {
  const limit = parseLimit(flags.limit)
  const found = await inStorage(flags, terminal, (operation) => find(operation, limit + 1))
  if (found.length > limit) terminal.notify(`There are more than ${limit} rows: use a filter, or increase --limit.`)
  const rows = found.slice(0, limit)
  terminal.write(flags.json ? `${JSON.stringify(rows, null, 2)}\n` : renderTable(headings, rows.map(cells)))
  return exitStatus.done
}

/** Context of an operator's command. */
export interface Operation {
  storage: Storage
  /** The path of the SQLite file, or the URL of the PostgreSQL database. */
  database: string
  /** Undefined if only the database was given. */
  config: LoadedConfig | undefined
}

/**
 * Opens the database that the flags specify, runs the work, and always closes the database.
 *
 * @throws CommandError if the database does not exist or does not respond
 */
export async function inStorage<T>(
  flags: OperationOptions,
  terminal: Pick<Terminal, 'env'>,
  work: (operation: Operation) => Promise<T>,
  options: Pick<OpenOptions, 'statementTimeout'> = {},
): Promise<T> {
  const { config, database } = await requireDatabase(flags, terminal)
  const storage = await openStorage(database, { sweepInterval: 0, isMade: true, ...options })
  try {
    if (config) await requireOwnDatabase(storage, config.settings.issuer)
    return await work({ storage, database, config })
  } catch (error) {
    throw databaseProblem(database, error)
  } finally {
    await storage.close()
  }
}

/**
 * Returns the database that the flags specify, without opening it.
 *
 * @throws CommandError if it is a file that does not exist
 */
export async function requireDatabase(
  { config, db }: OperationOptions,
  { env }: Pick<Terminal, 'env'>,
): Promise<Omit<Operation, 'storage'>> {
  const loaded = config === undefined ? undefined : await loadConfig(config, env)
  const database = loaded?.settings.database ?? db
  if (database === undefined) throw usageError('Specify the server: --config <file> or --db <database>.')
  // Opening the file would create an empty database, as if all data had been lost.
  if (!isPostgresUrl(database) && isMissing(database)) {
    throw usageError(
      `The database ${database} does not exist: countersign server start creates it the first time it runs.`,
    )
  }
  return { database, config: loaded }
}
