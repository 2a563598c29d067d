import { CommandError } from '../../command/command-error.js'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { findPerson } from '../find-person.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'

/** `countersign users disable`. */
export const usersDisable = commandThatSets('disabled', 'cannot sign in any more, and is signed out everywhere.')

/** `countersign users enable`. */
export const usersEnable = commandThatSets('active', 'can sign in again.')

function commandThatSets(status: 'active' | 'disabled', done: string): Run {
  return async (options, terminal, name) => {
    const flags: ChangeOptions = options
    const by = operatorName(flags)
    const user = await inStorage(flags, terminal, async ({ storage }) => {
      const person = await findPerson(storage, name)
      if (!(await storage.setUserStatus(person.id, status, by)))
        throw new CommandError(`The account ${name} is closed.`)
      return { ...person, status }
    })
    terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${user.username} ${done}\n`)
    return exitStatus.done
  }
}
