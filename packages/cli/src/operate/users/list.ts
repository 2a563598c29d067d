import type { User } from 'countersign-server'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { type OperationOptions, parseLimit, withinLimit } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { formatTime, renderTable } from '../render-table.js'

interface Options extends OperationOptions {
  query?: string
  status?: User['status']
  limit?: string
}

/** `countersign users list`: who can sign in. */
export const usersList: Run = async (options, terminal) => {
  const { query, status, ...flags }: Options = options
  const limit = parseLimit(flags.limit)
  const found = await inStorage(flags, terminal, ({ storage }) =>
    storage.listUsers({ query, status, limit: limit + 1 }),
  )
  const people = withinLimit(found, limit, terminal)
  const rows = people.map((user) => [
    user.username,
    user.displayName ?? '-',
    user.email ?? '-',
    user.status,
    formatTime(user.createdAt),
  ])
  const table = () => renderTable(['USER NAME', 'NAME', 'E-MAIL', 'STATUS', 'ADDED'], rows)
  terminal.write(flags.json ? `${JSON.stringify(people, null, 2)}\n` : table())
  return exitStatus.done
}
