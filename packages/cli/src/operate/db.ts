import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  copyRows,
  isPostgresUrl,
  loadConfig,
  maxViolations,
  type Storage,
  StorageError,
  shownDatabase,
  type Violation,
} from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { databaseProblem, openStorage, readSchema } from '../database/open-storage.js'
import { withProgress } from '../terminal/progress.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import {
  type ChangeOptions,
  inStorage,
  type Operation,
  type OperationOptions,
  operatorName,
  requireDatabase,
} from './operation.js'

/** `countersign server db backup`: copies the database while the server is running. */
export const dbBackup: Run<OperationOptions> = async (flags, terminal, subject) => {
  const file = resolve(subject)
  const { database } = await requireDatabase(flags, terminal)
  if (isPostgresUrl(database))
    throw new CommandError(
      'server db backup is only for SQLite. PostgreSQL has its own backups: pg_dump, or WAL archiving.',
    )
  // Opening the storage would upgrade an older schema before there is a backup of it.
  if (!(await isOlder(database))) await inStorage(flags, terminal, async () => undefined)
  const { copyDatabase } = await import('countersign-server/sqlite')
  const copy = async () => {
    try {
      copyDatabase(database, file)
    } catch (error) {
      throw databaseProblem(database, error)
    }
  }
  await withProgress(terminal, 'Copying the database', copy, { isBlocking: true })
  const advice = `The backup is in ${file}. It is useless without the master key: store the key separately.`
  terminal.write(`${flags.json ? JSON.stringify({ file }) : advice}\n`)
  return exitStatus.done
}

/** Whether a database has the schema of an older version. */
async function isOlder(database: string): Promise<boolean> {
  try {
    const { found, newest } = await readSchema(database)
    return found > 0 && found < newest
  } catch (error) {
    // Opening the file gives a more precise error.
    if (error instanceof StorageError) return false
    throw error
  }
}

/** Query timeout, in seconds. Some queries read a whole table. */
const longest = 3600

/** `countersign server db check`: checks the invariants of the stored data. */
export const dbCheck: Run<OperationOptions> = async (flags, terminal) => {
  const check = () =>
    inStorage(flags, terminal, ({ storage }) => storage.findViolations(), { statementTimeout: longest })
  const violations = await withProgress(terminal, 'Checking the stored data', check, { isBlocking: true })
  terminal.write(flags.json ? `${JSON.stringify(violations, null, 2)}\n` : render(violations))
  return violations.length === 0 ? exitStatus.done : exitStatus.refused
}

function render(violations: readonly Violation[]): string {
  if (violations.length === 0) return 'All checks passed.\n'
  const checks = [...new Set(violations.map(({ check }) => check))]
  const blocks = checks.map((check) => renderCheck(violations.filter((violation) => violation.check === check)))
  const advice =
    'Keep a copy of the database in its current state (countersign server db backup), and report this problem.'
  return `${[...blocks, wrapText('', advice)].join('\n\n')}\n`
}

function renderCheck(found: readonly Violation[]): string {
  const [{ invariant, check, never } = { invariant: '', check: '', never: '' }] = found
  const rows = found.map(({ rows: named }) => {
    const names = Object.entries(named).map(([kind, name]) => `${kind} ${name}`)
    return wrapText('  ', names.join(', '))
  })
  const more =
    found.length < maxViolations ? [] : [`  There may be more violations: a check reports at most ${maxViolations}.`]
  return [wrapText('', `${invariant} ${check}. This must never happen: ${never}`), ...rows, ...more].join('\n')
}

interface CopyOptions extends OperationOptions {
  from?: string
  to?: string
}

/** `countersign server db copy`: copies a SQLite file into an empty PostgreSQL database. */
export const dbCopy: Run<CopyOptions> = async ({ from, to, json }, terminal) => {
  if (from === undefined || to === undefined)
    throw usageError('server db copy requires both --from <file> and --to <url>.')
  if (isPostgresUrl(from) || !existsSync(from))
    throw usageError(`--from is not a SQLite file that this user can access: ${from}`)
  if (!isPostgresUrl(to)) throw usageError('--to must be a PostgreSQL URL: postgres://user@host/database')
  const copied = await withProgress(terminal, 'Copying and comparing the rows', () => copy(from, to), {
    isBlocking: true,
  })
  const told = `Copied and verified ${copied.rows} rows in ${copied.tables} tables. From now on, run the server only with the new database.`
  terminal.write(`${json ? JSON.stringify(copied) : told}\n`)
  return exitStatus.done
}

async function copy(from: string, to: string) {
  const [{ sqliteEngine }, { openPostgres }] = [
    await import('countersign-server/sqlite'),
    await import('countersign-server/postgres'),
  ]
  try {
    const source = sqliteEngine(from)
    try {
      const target = await openPostgres(to, { timeouts: { statement: 60, connection: 5 } })
      try {
        return await copyRows(source, target)
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  } catch (error) {
    throw databaseProblem(to, error, 'cannot be copied to')
  }
}

interface MigrateOptions extends OperationOptions {
  serveAs?: string
}

/** `countersign server db migrate`: creates or upgrades the tables, and optionally grants a role what a running server needs. */
export const dbMigrate: Run<MigrateOptions> = async ({ config, db, serveAs, json }, terminal) => {
  if (config === undefined && db === undefined)
    throw usageError('server db migrate requires a database: --config <file> or --db <database>.')
  const database = config === undefined ? (db ?? '') : (await loadConfig(config, terminal.env)).settings.database
  if (isPostgresUrl(database)) await withProgress(terminal, 'Migrating the tables', () => migrate(database, serveAs))
  else if (serveAs !== undefined) throw usageError('--serve-as applies only to PostgreSQL: SQLite files have no roles.')
  else await (await openStorage(database, { sweepInterval: 0 })).close()
  const served = serveAs === undefined ? '' : ` The role ${serveAs} can now run the server.`
  terminal.write(json ? `${JSON.stringify({ migrated: true })}\n` : `The schema is up to date.${served}\n`)
  return exitStatus.done
}

async function migrate(database: string, serveAs: string | undefined): Promise<void> {
  const { migratePostgres } = await import('countersign-server/postgres')
  try {
    await migratePostgres(database, serveAs === undefined ? {} : { serveAs })
  } catch (error) {
    throw databaseProblem(database, error, 'cannot be migrated')
  }
}

/** `countersign server db finish-restore`: invalidates what a restored backup brought back, such as sessions (W31). */
export const dbRestored: Run<ChangeOptions> = async (flags, terminal) => {
  const by = operatorName(flags)
  const work = async ({ storage, database }: Operation) => {
    await requireServed(storage, database)
    return storage.invalidateRestored(by)
  }
  const finish = () => inStorage(flags, terminal, work, { statementTimeout: longest })
  const ended = await withProgress(terminal, 'Invalidating what the backup brought back', finish, { isBlocking: true })
  const { sessions, requests, codes, refreshTokens, devices } = ended
  const told = [
    `Invalidated: ${sessions} sessions, ${requests} open requests, ${codes} codes, ${refreshTokens} refresh tokens, ${devices} devices.`,
    'Grants are as they were at the time of the backup, so grants that have been revoked since then are active again: ask users to check /account, or revoke them with countersign server grants revoke.',
  ]
  terminal.write(flags.json ? `${JSON.stringify(ended)}\n` : `${told.map((text) => wrapText('', text)).join('\n')}\n`)
  return exitStatus.done
}

/**
 * @throws CommandError if the database has no keys: `server db migrate` created it, and no server has ever used it. A program that manages
 * its own keys records its token lifetime instead.
 */
async function requireServed(storage: Storage, database: string): Promise<void> {
  if ((await storage.listKeys()).length > 0) return
  if ((await storage.findLongestTokenLifetime()) !== undefined) return
  throw new CommandError(
    `Nothing was restored: the database ${shownDatabase(database)} has no keys, so no server has ever used it. Do not start a server with it. Restore a complete backup to a new database.`,
  )
}
