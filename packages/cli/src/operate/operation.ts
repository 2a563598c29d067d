import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import {
  foldUsername,
  isPostgresUrl,
  type LoadedConfig,
  loadConfig,
  requireOwnDatabase,
  type Storage,
  type User,
} from 'countersign-server'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { databaseProblem, type OpenOptions, openStorage } from '../database/open-storage.js'
import type { Terminal } from '../terminal/terminal.js'
import { printable } from '../terminal/text.js'

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

const most = 100_000

/** Parses the maximum number of rows in a list. */
function parseLimit(text: string | undefined): number {
  const limit = Number(text ?? 1000)
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit
  throw usageError(`--limit must be a whole number from 1 to ${most}.`)
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
  { config, db }: OperationOptions,
  { env }: Terminal,
  work: (operation: Operation) => Promise<T>,
  options: Pick<OpenOptions, 'statementTimeout'> = {},
): Promise<T> {
  if (config === undefined && db === undefined)
    throw usageError('Specify the server: --config <file> or --db <database>.')
  const loaded = config === undefined ? undefined : await loadConfig(config, env)
  const database = loaded?.settings.database ?? db ?? ''
  // Opening the file would create an empty database, as if all data had been lost.
  if (!isPostgresUrl(database) && !existsSync(database)) {
    throw usageError(
      `The database ${database} does not exist: countersign server start creates it the first time it runs.`,
    )
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

const page = 1000

/** Finds the user with this username. */
export async function findByName(storage: Storage, name: string): Promise<User | undefined> {
  const folded = foldUsername(name)
  let after: string | undefined
  do {
    const people: User[] = await storage.listUsers({ query: name, limit: page, after })
    const found = people.find(({ username }) => foldUsername(username) === folded)
    if (found) return found
    after = people.length < page ? undefined : people.at(-1)?.id
  } while (after !== undefined)
  return undefined
}

/** Finds the user with this username or id. @throws CommandError if there is no such user */
export async function findUser(storage: Storage, name: string): Promise<User> {
  const byName = await findByName(storage, name)
  if (byName) return byName
  const byId = (await storage.findUser(name)) ?? (await storage.findUserBySubject(name))
  if (byId && byId.status !== 'closed') return byId
  throw new CommandError(`There is no user with the username, id or “sub” ${name}.`)
}

/** Minimum width of a terminal, in columns. */
const width = 80

/**
 * Renders rows as a table that is safe to print in a terminal. If the table is too wide, each row is printed as a block with one line per
 * column, so that nothing is truncated.
 */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(onOneLine))
  const lines = columns([headings, ...shown])
  if (lines.every((line) => line.length <= width)) return `${lines.join('\n')}\n`
  const blocks = shown.map((row) => columns(headings.map((heading, column) => [heading, row[column] ?? ''])))
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`
}

/** Makes text from others, such as a user's name at an identity provider, safe to print on one line. */
export function onOneLine(text: string): string {
  return printable(text).replaceAll(/[\n\t]/g, ' ')
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Formats Unix seconds for humans: `2026-01-31 12:00:00Z`, or `-` if there is no time. */
export function formatTime(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '-'
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z')
}
