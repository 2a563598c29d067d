import { type Storage, shownDatabase } from 'countersign-server'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { type ChangeOptions, operatorName } from './flags.js'
import { inStorage, type Operation } from './in-storage.js'

/** Seconds that a statement may take: they change all that is alive. */
const longest = 3600

/** `countersign db restored`: ends what came back to life with a backup (W31). */
export const dbRestored: Run = async (options, terminal) => {
  const flags: ChangeOptions = options
  const by = operatorName(flags)
  const work = async ({ storage, database }: Operation) => {
    await requireServed(storage, database)
    return storage.endRestored(by)
  }
  const ended = await inStorage(flags, terminal, work, { statementTimeout: longest })
  const { sessions, requests, codes, refreshTokens } = ended
  const told = [
    `Ended: ${sessions} sessions, ${requests} open requests, ${codes} codes, ${refreshTokens} refresh tokens.`,
    'Grants are those of the backup, also those that were taken back since: tell people to look at /account, or end them with countersign grants revoke.',
  ]
  terminal.write(flags.json ? `${JSON.stringify(ended)}\n` : `${told.map((text) => wrapText('', text)).join('\n')}\n`)
  return exitStatus.done
}

/** Tables without keys are what `db migrate` makes of an empty database. A program with keys of its own says how long tokens live. */
async function requireServed(storage: Storage, database: string): Promise<void> {
  if ((await storage.listKeys()).length > 0) return
  if ((await storage.findLongestTokenLife()) !== undefined) return
  throw new CommandError(
    `Nothing was restored: the database ${shownDatabase(database)} has no keys, so no server has ever used it. Do not start one with it. Restore a backup that is whole, into a new database.`,
  )
}
