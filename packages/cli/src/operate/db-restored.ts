import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { type ChangeOptions, operatorName } from './flags.js'
import { inStorage } from './in-storage.js'

/** Seconds that a statement may take: they change all that is alive. */
const longest = 3600

/** `countersign db restored`: ends what came back to life with a backup (W31). */
export const dbRestored: Run = async (options, terminal) => {
  const flags: ChangeOptions = options
  const by = operatorName(flags)
  const ended = await inStorage(flags, terminal, ({ storage }) => storage.endRestored(by), {
    statementTimeout: longest,
  })
  const { sessions, requests, codes, refreshTokens } = ended
  const told = [
    `Ended: ${sessions} sessions, ${requests} open requests, ${codes} codes, ${refreshTokens} refresh tokens.`,
    'Grants are those of the backup, also those that were taken back since: tell people to look at /account, or end them with countersign grants revoke.',
  ]
  terminal.write(flags.json ? `${JSON.stringify(ended)}\n` : `${told.map((text) => wrapText('', text)).join('\n')}\n`)
  return exitStatus.done
}
