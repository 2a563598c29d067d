import { existsSync } from 'node:fs'
import { copyRows, isPostgresUrl } from 'countersign-server'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { databaseProblem } from '../database/open-storage.js'
import type { OperationOptions } from './flags.js'

interface CopyOptions extends OperationOptions {
  from?: string
  to?: string
}

/** `countersign db copy`: from a SQLite file into an empty PostgreSQL database. */
export const dbCopy: Run = async (options, terminal) => {
  const { from, to, json }: CopyOptions = options
  if (from === undefined || to === undefined) throw usageError('Say both: --from <file> --to <url>.')
  if (isPostgresUrl(from) || !existsSync(from)) throw new CommandError(`--from names no SQLite file: ${from}`)
  if (!isPostgresUrl(to)) throw new CommandError('--to names no PostgreSQL database: postgres://user@host/database')
  const copied = await copy(from, to)
  const told = `Copied ${copied.rows} rows of ${copied.tables} tables, and found each the same. Serve with the new one only.`
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
    throw databaseProblem(to, error, 'cannot be copied into')
  }
}
