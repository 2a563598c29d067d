import { hashPassword, isEmail, StorageError, usernameProblem } from 'countersign-server'
import { CommandError, usageError } from '../../command/command-error.js'
import { exitStatus } from '../../command/exit-status.js'
import type { Run } from '../../command/run.js'
import { type ChangeOptions, operatorName } from '../flags.js'
import { inStorage } from '../in-storage.js'
import { readPassword } from './read-password.js'

interface Options extends ChangeOptions {
  name?: string
  email?: string
  passwordStdin?: true
}

const namesAre = {
  username_invalid: 'A user name is one line of at most 128 visible characters.',
  username_mixed: 'A word of a user name is written in one alphabet: letters of two look alike.',
}

/** `countersign users add`: a person who can sign in. */
export const usersAdd: Run = async (options, terminal, username) => {
  const { name, email, passwordStdin, ...flags }: Options = options
  const unusable = usernameProblem(username)
  if (unusable) throw usageError(namesAre[unusable])
  if (email !== undefined && !isEmail(email)) throw usageError('--email takes an address, such as alice@example.com.')
  const by = operatorName(flags)
  const user = await inStorage(flags, terminal, async ({ storage }) => {
    const password = await readPassword(passwordStdin === true, terminal, username)
    try {
      const passwordHash = await hashPassword(password)
      return await storage.createUser({ username, passwordHash, displayName: name, email, by })
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      if (error.code === 'username_taken') {
        throw new CommandError(`There is somebody with the user name ${username} already.`, { cause: error })
      }
      if (error.code === 'username_looks_alike') {
        const message = `The user name ${username} looks like that of somebody who is there. Choose another.`
        throw new CommandError(message, { cause: error })
      }
      throw error
    }
  })
  terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${username} can sign in now.\n`)
  return exitStatus.done
}
