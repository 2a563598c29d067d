import { CommandError } from '../../command/command-error.js'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { findPerson } from '../find-person.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'

/** `countersign users unlock`. */
export const usersUnlock: Run = async (options, terminal, name) => {
  const flags: ChangeOptions = options
  const by = operatorName(flags)
  const user = await inStorage(flags, terminal, async ({ storage }) => {
    const found = await findPerson(storage, name)
    if (!(await storage.unlockUser({ userId: found.id, by }))) throw new CommandError(`The account ${name} is closed.`)
    return found
  })
  terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${user.username} can try to sign in again.\n`)
  return exitStatus.done
}
