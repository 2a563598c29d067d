import { hashPassword } from 'countersign-server'
import { CommandError } from '../../command/command-error.js'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { findPerson } from '../find-person.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { readPassword } from './read-password.js'

interface Options extends ChangeOptions {
  passwordStdin?: true
}

/** `countersign users passwd`: a new password for somebody. */
export const usersPasswd: Run = async (options, terminal, name) => {
  const { passwordStdin, ...flags }: Options = options
  const by = operatorName(flags)
  const user = await inStorage(flags, terminal, async ({ storage }) => {
    const person = await findPerson(storage, name)
    const passwordHash = await hashPassword(await readPassword(passwordStdin === true, terminal, person.username))
    const revision = await storage.setPasswordHash({ userId: person.id, passwordHash, by })
    if (revision === undefined) throw new CommandError(`The account ${name} is closed.`)
    return person
  })
  const done = `${user.username} has a new password, and is signed out everywhere.\n`
  terminal.write(flags.json ? `${JSON.stringify(user)}\n` : done)
  return exitStatus.done
}
