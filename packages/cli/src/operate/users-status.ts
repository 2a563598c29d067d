import { CommandError } from '../command-error.js'
import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { findPerson } from './find-person.js'
import { inStorage } from './in-storage.js'
import { type ChangeOptions, changeFlags } from './operation-flags.js'
import { operatorName } from './operator-name.js'

const rows = {
  disable: {
    status: 'disabled',
    description: 'keep a person out: ends their sessions; no code or refresh token of theirs gives anything',
    done: 'cannot sign in any more, and is signed out everywhere.',
  },
  enable: { status: 'active', description: 'let a disabled person in again', done: 'can sign in again.' },
} as const

/** `countersign users disable` and `countersign users enable`. */
export const usersStatus: readonly CommandRow[] = (['disable', 'enable'] as const).map((verb) => ({
  name: `users ${verb}`,
  description: rows[verb].description,
  subject: { name: '<username>', description: 'their user name or id' },
  flags: changeFlags,
  async run(options, terminal, name) {
    const flags: ChangeOptions = options
    const { status, done } = rows[verb]
    const by = operatorName(flags)
    const user = await inStorage(flags, async ({ storage }) => {
      const person = await findPerson(storage, name)
      if (!(await storage.setUserStatus(person.id, status, by)))
        throw new CommandError(`The account ${name} is closed.`)
      return { ...person, status }
    })
    terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${user.username} ${done}\n`)
    return exitStatus.done
  },
}))
