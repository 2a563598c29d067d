import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import type { OperationOptions } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { formatTime, renderTable } from '../render-table.js'

/** `countersign keys list`: the server's keys and their states; never their private parts. */
export const keysList: Run = async (options, terminal) => {
  const flags: OperationOptions = options
  const stored = await inStorage(flags, terminal, ({ storage }) => storage.listKeys())
  const keys = stored.map(({ private: _private, ...key }) => key)
  const rows = keys.map((key) => [
    key.kid,
    key.purpose,
    key.state,
    formatTime(key.createdAt),
    formatTime(key.notBefore),
    formatTime(key.retireAt),
  ])
  const table = () => renderTable(['ID', 'FOR', 'STATE', 'MADE', 'MAY SIGN FROM', 'PUBLISHED UNTIL'], rows)
  terminal.write(flags.json ? `${JSON.stringify(keys, null, 2)}\n` : table())
  return exitStatus.done
}
