import { resolve } from 'node:path'
import { isPostgresUrl } from 'countersign-server'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import type { OperationOptions } from './flags.js'
import { inStorage } from './in-storage.js'

/** `countersign db backup`: a copy of the database, made while the server runs. */
export const dbBackup: Run = async (options, terminal, subject) => {
  const flags: OperationOptions = options
  const file = resolve(subject)
  await inStorage(flags, terminal, async ({ database }) => {
    if (isPostgresUrl(database))
      throw new CommandError('PostgreSQL has its own backups: pg_dump, or its write-ahead log.')
    const { copyDatabase } = await import('countersign-server/sqlite')
    copyDatabase(database, file)
  })
  const advice = `The copy is in ${file}. It is of use only with the master key: keep that elsewhere.`
  terminal.write(`${flags.json ? JSON.stringify({ file }) : advice}\n`)
  return exitStatus.done
}
