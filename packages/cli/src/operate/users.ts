import {
  createPasswordLink,
  hashPassword,
  isEmail,
  type LinkPurpose,
  passwordProblem,
  type Storage,
  StorageError,
  type User,
  usernameProblem,
} from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { formatTime } from '../terminal/table.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { findByName, findUser } from './find-user.js'
import {
  type ChangeOptions,
  inStorage,
  type Operation,
  type OperationOptions,
  operatorName,
  printList,
} from './operation.js'

interface InviteOptions extends ChangeOptions {
  name?: string
  email?: string
}

interface AddOptions extends InviteOptions {
  passwordStdin?: true
}

const namesAre = {
  username_invalid: 'A username must be 1 to 128 visible characters on one line, with only single spaces between them.',
  username_mixed:
    'Each word of a username must use a single alphabet, because letters from different alphabets can look alike.',
}

/** `countersign server users add`: adds a user who can sign in. */
export const usersAdd: Run<AddOptions> = async ({ passwordStdin, ...flags }, terminal, username) => {
  requireUsable(username, flags)
  const user = await inStorage(flags, terminal, async ({ storage }) => {
    const password = await readPassword(passwordStdin === true, terminal, username)
    return addUser(storage, username, { ...flags, passwordHash: await hashPassword(password) })
  })
  terminal.write(flags.json ? `${JSON.stringify(user)}\n` : `${username} can now sign in.\n`)
  return exitStatus.done
}

/** `countersign server users invite`: adds a user, and prints the link with which they set their password or add a passkey. */
export const usersInvite: Run<InviteOptions> = async (flags, terminal, username) => {
  requireUsable(username, flags)
  const by = operatorName(flags)
  return printLink(flags, terminal, async ({ storage }) => {
    const known = await findByName(storage, username)
    const isOther = (given: string | undefined, stored?: string | null) => given !== undefined && given !== stored
    if (known && (isOther(flags.name, known.displayName) || isOther(flags.email, known.email)))
      throw usageError(
        `${known.username} already exists, with another name or email address. Change them with countersign server users edit, then invite the user without --name and --email.`,
      )
    return { user: known ?? (await addUser(storage, username, flags)), purpose: 'invite', by }
  })
}

/** `countersign server users reset`: prints a link with which a user sets a new password. */
export const usersReset: Run<ChangeOptions> = async (flags, terminal, name) => {
  const by = operatorName(flags)
  return printLink(flags, terminal, async ({ storage }) => ({
    user: await findUser(storage, name),
    purpose: 'reset',
    by,
  }))
}

/** Creates a link for a user, and prints it. */
async function printLink(
  flags: ChangeOptions,
  terminal: Terminal,
  choose: (operation: Operation) => Promise<{ user: User; purpose: LinkPurpose; by: string }>,
): Promise<number> {
  const { username, url, expiresAt } = await inStorage(flags, terminal, async (operation) => {
    const issuer = operation.config?.settings.issuer
    if (issuer === undefined)
      throw usageError('The link contains the server’s address: use --config <file> instead of --db.')
    const { user, ...link } = await choose(operation)
    const created = await createPasswordLink(operation.storage, { issuer, userId: user.id, ...link })
    switch (created.outcome) {
      case 'created':
        return { ...user, url: created.url, expiresAt: Math.floor(Date.now() / 1000) + created.expiresIn }
      case 'has_factor':
        throw new CommandError(
          `${user.username} can already sign in. For a new password, use countersign server users reset.`,
        )
      default:
        throw new CommandError(`${user.username} cannot sign in, because the account is disabled or closed.`)
    }
  })
  const text = `Give this link to ${username} alone, over a channel that you trust. Anyone who opens it can\nset the password. It works once, until ${formatTime(expiresAt)}:\n${url}\n`
  terminal.write(flags.json ? `${JSON.stringify({ username, url, expiresAt })}\n` : text)
  return exitStatus.done
}

function requireUsable(username: string, { email }: InviteOptions): void {
  const unusable = usernameProblem(username)
  if (unusable) throw usageError(namesAre[unusable])
  if (email !== undefined && !isEmail(email))
    throw usageError('--email must be an email address, such as alice@example.com.')
}

async function addUser(
  storage: Storage,
  username: string,
  { name, email, passwordHash, ...flags }: InviteOptions & { passwordHash?: string },
): Promise<User> {
  try {
    return await storage.createUser({ username, passwordHash, displayName: name, email, by: operatorName(flags) })
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    if (error.code === 'username_taken') {
      throw new CommandError(`The username ${username} is already taken.`, { cause: error })
    }
    if (error.code === 'username_looks_alike') {
      const message = `The username ${username} looks like an existing user’s. Choose another one.`
      throw new CommandError(message, { cause: error })
    }
    throw error
  }
}

interface ListOptions extends OperationOptions {
  query?: string
  status?: User['status']
  limit?: string
}

/** `countersign server users list`: lists the users who can sign in. */
export const usersList: Run<ListOptions> = async ({ query, status, ...flags }, terminal) => {
  return printList(flags, terminal, {
    find: ({ storage }, limit) => storage.listUsers({ query, status, limit }),
    headings: ['USERNAME', 'NAME', 'EMAIL', 'STATUS', 'ADDED'],
    cells: (user) => [
      user.username,
      user.displayName ?? '-',
      user.email ?? '-',
      user.status,
      formatTime(user.createdAt),
    ],
  })
}

/** A command's change to an account. Returns what to print for programs and for users, or undefined if the account is closed. */
type Change<Flags> = (given: {
  account: User
  by: string
  storage: Storage
  flags: Flags
  terminal: Terminal
}) => Promise<{ json: object; text: string } | undefined>

function commandFor<Flags extends ChangeOptions>(change: Change<Flags>): Run<Flags> {
  return async (flags, terminal, name) => {
    const by = operatorName(flags)
    const done = await inStorage(flags, terminal, async ({ storage }) => {
      const account = await findUser(storage, name)
      return change({ account, by, storage, flags, terminal })
    })
    if (!done) throw new CommandError(`The account ${name} is closed.`)
    terminal.write(`${flags.json ? JSON.stringify(done.json) : done.text}\n`)
    return exitStatus.done
  }
}

/** `countersign server users passwd`: sets a user's password. */
export const usersPasswd = commandFor<ChangeOptions & { passwordStdin?: true }>(
  async ({ account, by, storage, flags, terminal }) => {
    const { id: userId, username } = account
    const passwordHash = await hashPassword(await readPassword(flags.passwordStdin === true, terminal, username))
    if ((await storage.setPasswordHash({ userId, passwordHash, by })) === undefined) return undefined
    return { json: account, text: `${username} has a new password, and is signed out everywhere.` }
  },
)

const longest = 8192

const problems: Readonly<Record<NonNullable<ReturnType<typeof passwordProblem>>, string>> = {
  password_too_short: 'The password is too short: use at least 8 characters.',
  password_too_long: 'The password is too long: use at most 1024 characters.',
  password_common: 'The password is too easy to guess: use another one.',
}

/**
 * Reads a new password, typed twice without echo, or from standard input.
 *
 * @throws CommandError if it is too weak or too long, or the two inputs differ
 */
export async function readPassword(fromInput: boolean, terminal: Terminal, username: string): Promise<string> {
  const password = fromInput ? await readWhole(terminal) : await askTwice(terminal)
  const problem = passwordProblem(password, username)
  if (problem) throw new CommandError(problems[problem])
  return password
}

async function readWhole(terminal: Terminal): Promise<string> {
  const bytes = await terminal.readInput(longest)
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

async function askTwice({ readHidden }: Terminal): Promise<string> {
  if (!readHidden) throw usageError('There is no terminal on which to prompt for the password: use --password-stdin.')
  const password = await readHidden('Password: ')
  if ((await readHidden('Again: ')) === password) return password
  throw new CommandError('The passwords do not match; nothing was changed.')
}

/** `countersign server users disable`. */
export const usersDisable = commandThatSets('disabled', 'can no longer sign in, and is signed out everywhere.')

/** `countersign server users enable`. */
export const usersEnable = commandThatSets('active', 'can sign in again.')

function commandThatSets(status: 'active' | 'disabled', done: string): Run<ChangeOptions> {
  return commandFor(async ({ account, by, storage }) => {
    if (!(await storage.setUserStatus(account.id, status, by))) return undefined
    return { json: { ...account, status }, text: `${account.username} ${done}` }
  })
}

/** `countersign server users unlock`. */
export const usersUnlock = commandFor(async ({ account, by, storage }) => {
  if (!(await storage.unlockUser({ userId: account.id, by }))) return undefined
  return { json: account, text: `${account.username} is not locked out.` }
})

/** `countersign server users reset-factor`: account recovery for a user who can enter no code. */
export const usersResetFactor = commandFor(async ({ account, by, storage }) => {
  const { id: userId, username } = account
  const removed = (await storage.removeSecondFactor({ userId, by })) === 'removed'
  const some = `Removed the second factor of the account ${username}, and signed the user out everywhere.`
  return {
    json: { id: userId, username, removed },
    text: removed ? some : `The account ${username} has no second factor.`,
  }
})

/** `countersign server users remove-passkeys`: account recovery for a user who has lost their passkeys. */
export const usersRemovePasskeys = commandFor(async ({ account, by, storage }) => {
  const { id: userId, username } = account
  let passkeys = 0
  for (const { credentialId } of await storage.listPasskeys(userId))
    if ((await storage.removePasskey({ userId, credentialId, by })) === 'removed') passkeys++
  const some = `Removed ${passkeys} ${passkeys === 1 ? 'passkey' : 'passkeys'} from the account ${username}, and signed the user out everywhere.`
  const text = passkeys === 0 ? `The account ${username} has no passkeys.` : some
  return { json: { id: userId, username, passkeys }, text }
})
