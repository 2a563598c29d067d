import { resolve } from 'node:path'
import { copyDatabase } from 'countersign-server/sqlite'
import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { inStorage } from './in-storage.js'
import { type OperationOptions, operationFlags } from './operation-flags.js'

/** `countersign db backup`: a copy of the database, made while the server runs. */
export const dbBackup: CommandRow = {
  name: 'db backup',
  description: 'copy the database into a new file, which only you can read, while the server runs',
  subject: { name: '<file>', description: 'the copy; it must not exist' },
  flags: operationFlags,
  async run(options, terminal, subject) {
    const flags: OperationOptions = options
    const file = resolve(subject)
    await inStorage(flags, async ({ path }) => copyDatabase(path, file))
    const advice = `The copy is in ${file}. It is of use only with the master key: keep that elsewhere.`
    terminal.write(`${flags.json ? JSON.stringify({ file }) : advice}\n`)
    return exitStatus.done
  },
}
