import type { ListedGrant, Storage } from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { withProgress } from '../terminal/progress.js'
import { formatTime } from '../terminal/table.js'
import type { Run } from '../terminal/terminal.js'
import { findUser } from './find-user.js'
import {
  type ChangeOptions,
  inStorage,
  type Operation,
  type OperationOptions,
  operatorName,
  printList,
} from './operation.js'

interface ListOptions extends OperationOptions, GrantOptions {
  query?: string
  live?: true
  ended?: true
  limit?: string
}

/** `countersign server grants list`: lists grants, newest first. */
export const grantsList: Run<ListOptions> = async (flags, terminal) => {
  const live = flags.live ? true : flags.ended ? false : undefined
  return printList(flags, terminal, {
    find: async ({ storage }, limit) =>
      storage.listGrants({ ...(await grantFilter(storage, flags)), query: flags.query, live, limit }),
    headings: ['ID', 'USERNAME', 'AGENT', 'RESOURCE', 'REQUESTS', 'PERMISSIONS', 'SINCE', 'UNTIL', 'LAST USED'],
    cells: (grant) => [
      grant.id,
      grant.username,
      grant.delegate === null ? grant.agent : `${grant.agent} (${grant.delegate})`,
      grant.account === null ? grant.resource : `${grant.resource} (${grant.account})`,
      grant.display.agent.bearer ? 'unsigned' : 'signed',
      grant.scope,
      formatTime(grant.createdAt),
      ending(grant),
      formatTime(grant.lastUsedAt),
    ],
  })
}

function ending({ expiresAt, revokedAt }: ListedGrant): string {
  if (revokedAt !== null) return `removed ${formatTime(revokedAt)}`
  return expiresAt === null ? 'until revoked' : formatTime(expiresAt)
}

interface RevokeOptions extends ChangeOptions, GrantOptions {
  all?: true
  yes?: true
}

const page = 500

/** `countersign server grants revoke`: revokes one grant, all grants that match, or all grants. */
export const grantsRevoke: Run<RevokeOptions> = async (flags, terminal, id) => {
  const named = [flags.user, flags.agent, flags.resource].filter((value) => value !== undefined).length
  const ways = [id !== '', named > 0, flags.all === true].filter(Boolean).length
  if (ways !== 1)
    throw usageError('Specify which grants: one id, or at least one of --user, --agent and --resource, or --all.')
  if (flags.all && !flags.yes) throw usageError('--all revokes all grants of all users: add --yes to confirm.')
  const by = operatorName(flags)
  const revoke = async ({ storage }: Operation) => {
    if (flags.all) return revokeAll(storage, by)
    if (named > 0) return storage.revokeGrants({ ...(await grantFilter(storage, flags)), by })
    if (await storage.revokeGrant({ grantId: id, by })) return 1
    throw new CommandError(`There is no active grant ${id}.${await otherGrants(storage, id)}`)
  }
  const revoked = await withProgress(terminal, 'Revoking grants', () => inStorage(flags, terminal, revoke))
  const count = revoked === 1 ? '1 grant was' : `${revoked} grants were`
  const hint = revoked === 0 && flags.agent !== undefined ? ' --agent is the AGENT in server grants list.' : ''
  terminal.write(flags.json ? `${JSON.stringify({ revoked })}\n` : `${count} revoked.${hint}\n`)
  return exitStatus.done
}

/** What the agent of a grant that has ended still has: if a user removes a permission, the others become another grant. */
async function otherGrants(storage: Storage, id: string): Promise<string> {
  const ended = await storage.findGrant(id)
  if (!ended) return ''
  const { userId, agent, resource } = ended
  const others = await storage.listGrants({ userId, agent, resource, live: true })
  if (others.length === 0) return ' It has ended.'
  return ` It has ended, but the agent has others for this user and resource: ${others.map((other) => other.id).join(', ')}.`
}

async function revokeAll(storage: Storage, by: string): Promise<number> {
  let revoked = 0
  for (;;) {
    const grants = await storage.listGrants({ live: true, limit: page })
    if (grants.length === 0) return revoked
    for (const { id } of grants) if (await storage.revokeGrant({ grantId: id, by })) revoked++
  }
}

type GrantFilter = NonNullable<Parameters<Storage['listGrants']>[0]>

/** The flags that filter grants. */
export interface GrantOptions {
  user?: string
  agent?: string
  resource?: string
}

/** Returns the filter that the flags describe. @throws CommandError if the user does not exist */
export async function grantFilter(
  storage: Storage,
  { user, agent, resource }: GrantOptions,
): Promise<Pick<GrantFilter, 'userId' | 'agent' | 'resource'>> {
  return { userId: user === undefined ? undefined : (await findUser(storage, user)).id, agent, resource }
}
