import type { ListedGrant } from 'countersign-server'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { type OperationOptions, parseLimit, withinLimit } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { formatTime, renderTable } from '../render-table.js'
import { type GrantOptions, grantFilter } from './filter.js'

interface Options extends OperationOptions, GrantOptions {
  query?: string
  live?: true
  ended?: true
  limit?: string
}

/** `countersign grants list`: what people allowed, newest first. */
export const grantsList: Run = async (options, terminal) => {
  const flags: Options = options
  const limit = parseLimit(flags.limit)
  const live = flags.live ? true : flags.ended ? false : undefined
  const found = await inStorage(flags, terminal, async ({ storage }) =>
    storage.listGrants({ ...(await grantFilter(storage, flags)), query: flags.query, live, limit: limit + 1 }),
  )
  const grants = withinLimit(found, limit, terminal)
  const rows = grants.map((grant) => [
    grant.id,
    grant.username,
    grant.delegate === null ? grant.agent : `${grant.agent} (${grant.delegate})`,
    grant.resource,
    grant.scope,
    formatTime(grant.createdAt),
    ending(grant),
    formatTime(grant.lastUsedAt),
  ])
  const headings = ['ID', 'USER NAME', 'AGENT', 'RESOURCE', 'PERMISSIONS', 'SINCE', 'UNTIL', 'LAST USED']
  terminal.write(flags.json ? `${JSON.stringify(grants, null, 2)}\n` : renderTable(headings, rows))
  return exitStatus.done
}

function ending({ expiresAt, revokedAt }: ListedGrant): string {
  if (revokedAt !== null) return `removed ${formatTime(revokedAt)}`
  return expiresAt === null ? 'until removed' : formatTime(expiresAt)
}
