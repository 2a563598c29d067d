import { isPostgresUrl, loadConfig } from 'countersign-server'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { databaseProblem, openStorage } from '../database/open-storage.js'
import type { OperationOptions } from './flags.js'

interface MigrateOptions extends OperationOptions {
  serveAs?: string
}

/** `countersign db migrate`: makes the tables, or brings them up to date, and lets a role serve with them. */
export const dbMigrate: Run = async (options, terminal) => {
  const { config, db, serveAs, json }: MigrateOptions = options
  if (config === undefined && db === undefined) throw usageError('Say which database: --config <file> or --db <url>.')
  const database = config === undefined ? (db ?? '') : (await loadConfig(config, terminal.env)).settings.database
  if (isPostgresUrl(database)) await migrate(database, serveAs)
  else if (serveAs !== undefined) throw new CommandError('--serve-as is for PostgreSQL: a SQLite file has no roles.')
  else await (await openStorage(database, { sweepInterval: 0 })).close()
  const served = serveAs === undefined ? '' : ` ${serveAs} may serve with it.`
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
