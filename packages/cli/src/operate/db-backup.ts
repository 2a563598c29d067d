import { resolve } from 'node:path'
import { copyDatabase } from 'countersign-server/sqlite'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import type { OperationOptions } from './flags.js'
import { inStorage } from './in-storage.js'

/** `countersign db backup`: a copy of the database, made while the server runs. */
export const dbBackup: Run = async (options, terminal, subject) => {
  const flags: OperationOptions = options
  const file = resolve(subject)
  await inStorage(flags, terminal, async ({ path }) => copyDatabase(path, file))
  const advice = `The copy is in ${file}. It is of use only with the master key: keep that elsewhere.`
  terminal.write(`${flags.json ? JSON.stringify({ file }) : advice}\n`)
  return exitStatus.done
}
