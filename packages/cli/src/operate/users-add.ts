import { hashPassword, isEmail, isUsername, StorageError } from 'countersign-server'
import { CommandError } from '../command-error.js'
import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { usageError } from '../usage-error.js'
import { inStorage } from './in-storage.js'
import { type ChangeOptions, changeFlags } from './operation-flags.js'
import { operatorName } from './operator-name.js'
import { passwordFlag, readPassword } from './read-password.js'

interface Options extends ChangeOptions {
  name?: string
  email?: string
  passwordStdin?: true
}

/** `countersign users add`: a person who can sign in. */
export const usersAdd: CommandRow = {
  name: 'users add',
  description: 'add a person who can sign in',
  subject: { name: '<username>', description: 'what they type to sign in' },
  flags: [
    { flags: '--name <text>', description: 'what pages call them' },
    { flags: '--email <address>', description: 'their e-mail address' },
    passwordFlag,
    ...changeFlags,
  ],
  async run(options, terminal, username) {
    const { name, email, passwordStdin, ...flags }: Options = options
    if (!isUsername(username)) throw usageError('A user name is one line of at most 128 visible characters.')
    if (email !== undefined && !isEmail(email)) throw usageError('--email takes an address, such as alice@example.com.')
    const by = operatorName(flags)
    const user = await inStorage(flags, async ({ storage }) => {
      const password = await readPassword(passwordStdin === true, terminal, username)
      try {
        const passwordHash = await hashPassword(password)
        return await storage.createUser({ username, passwordHash, displayName: name, email, by })
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'username_taken') throw error
        throw new CommandError(`There is somebody with the user name ${username} already.`, { cause: error })
      }
    })
    terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${username} can sign in now.\n`)
    return exitStatus.done
  },
}
