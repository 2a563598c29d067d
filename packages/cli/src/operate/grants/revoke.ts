import type { Storage } from 'countersign-server'
import { CommandError, usageError } from '../../command/command-error.js'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { type GrantOptions, grantFilter } from './filter.js'

interface Options extends ChangeOptions, GrantOptions {
  all?: true
  yes?: true
}

const page = 500

/** `countersign grants revoke`: takes back one grant, all that match, or all. */
export const grantsRevoke: Run = async (options, terminal, id) => {
  const flags: Options = options
  const named = [flags.user, flags.agent, flags.resource].filter((value) => value !== undefined).length
  const ways = [id !== '', named > 0, flags.all === true].filter(Boolean).length
  if (ways !== 1) throw usageError('Say which grants: one id, or --user, --agent and --resource, or --all.')
  if (flags.all && !flags.yes) throw usageError('--all takes back what everybody allowed: say --yes if you mean it.')
  const by = operatorName(flags)
  const revoked = await inStorage(flags, terminal, async ({ storage }) => {
    if (flags.all) return revokeAll(storage, by)
    if (named > 0) return storage.revokeGrants({ ...(await grantFilter(storage, flags)), by })
    if (await storage.revokeGrant({ grantId: id, by })) return 1
    throw new CommandError(`There is no grant ${id} that could be taken back.`)
  })
  const count = revoked === 1 ? '1 grant was' : `${revoked} grants were`
  terminal.write(flags.json ? `${JSON.stringify({ revoked })}\n` : `${count} taken back.\n`)
  return exitStatus.done
}

async function revokeAll(storage: Storage, by: string): Promise<number> {
  let revoked = 0
  for (;;) {
    const grants = await storage.listGrants({ live: true, limit: page })
    if (grants.length === 0) return revoked
    for (const { id } of grants) if (await storage.revokeGrant({ grantId: id, by })) revoked++
  }
}
