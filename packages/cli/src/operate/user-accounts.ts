import { isEmail, type ListedSubject, type Storage, type User } from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { formatTime, onOneLine, renderTable } from '../terminal/table.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import { findUser } from './find-user.js'
import { type ChangeOptions, inStorage, type OperationOptions, operatorName } from './operation.js'

/** Everything that an operator needs to know about a user. */
interface Account extends User {
  passkeys: { name: string | null; createdAt: number; lastUsedAt: number | null }[]
  identities: { issuer: string; createdAt: number }[]
  hasPassword: boolean
  /** When the user set up codes from an app as a second factor, and how many recovery codes are left; null if they have not. */
  secondFactor: { addedAt: number; recoveryCodes: number } | null
  /** By which `sub` the APIs and agents with tokens know the user. */
  subjects: ListedSubject[]
  sessions: number
  grants: number
}

const most = 1000

async function readAccount(storage: Storage, user: User): Promise<Account> {
  const [passkeys, factor, identities, factors, subjects, sessions, grants] = await Promise.all([
    storage.listPasskeys(user.id),
    storage.findSecondFactor(user.id),
    storage.listFederated(user.id),
    storage.listFactors(user.id),
    storage.listSubjects({ userId: user.id, limit: most }),
    storage.listSessions({ userId: user.id }),
    storage.listGrants({ userId: user.id, live: true, limit: most }),
  ])
  return {
    ...user,
    passkeys: passkeys.map(({ name, createdAt, lastUsedAt }) => ({ name, createdAt, lastUsedAt })),
    identities: identities.map(({ issuer, createdAt }) => ({ issuer, createdAt })),
    hasPassword: factors.some(({ kind }) => kind === 'password'),
    secondFactor: factor ? { addedAt: factor.addedAt, recoveryCodes: factor.recoveryCodes } : null,
    subjects,
    sessions: sessions.length,
    grants: grants.length,
  }
}

/** `countersign server users show`: shows how a user signs in, and the number of their sessions and grants. */
export const usersShow: Run<OperationOptions> = async (flags, terminal, name) => {
  const account = await inStorage(flags, terminal, async ({ storage }) =>
    readAccount(storage, await findUser(storage, name)),
  )
  terminal.write(flags.json ? `${JSON.stringify(account, null, 2)}\n` : render(account))
  return exitStatus.done
}

function render(account: Account): string {
  const passkeys = account.passkeys.map(
    (passkey) =>
      `${passkey.name ?? 'unnamed'}, added ${formatTime(passkey.createdAt)}, last used ${formatTime(passkey.lastUsedAt)}`,
  )
  const identities = account.identities.map(({ issuer, createdAt }) => `${issuer}, since ${formatTime(createdAt)}`)
  const rows: [heading: string, text: string][] = [
    ['Username', account.username],
    ['Id', account.id],
    ['Name', account.displayName ?? '-'],
    [
      'Email',
      account.email === null
        ? '-'
        : `${account.email}${account.emailConfirmedAt === null ? ', not confirmed' : ', confirmed'}`,
    ],
    ['Status', account.status],
    ['Added', formatTime(account.createdAt)],
    ['Password', account.hasPassword ? 'yes' : 'none'],
    ['Second factor', renderFactor(account.secondFactor)],
    ...(passkeys.length > 0 ? passkeys : ['none']).map((text): [string, string] => ['Passkey', text]),
    ...identities.map((text): [string, string] => ['Provider', text]),
    ...renderSubjects(account.subjects),
    ['Sessions', String(account.sessions)],
    ['Active grants', account.grants === most ? `${most} or more` : String(account.grants)],
  ]
  return `${rows.map(([heading, text]) => wrapText(heading.padEnd(15), onOneLine(text))).join('\n')}\n`
}

function renderFactor(factor: Account['secondFactor']): string {
  if (!factor) return 'none'
  return `app, since ${formatTime(factor.addedAt)}, recovery codes left: ${factor.recoveryCodes}`
}

/** Maximum number of subjects that are shown. */
const shown = 20

function renderSubjects(subjects: readonly ListedSubject[]): [heading: string, text: string][] {
  const rows = subjects
    .slice(0, shown)
    .map(({ kind, identifier, sub }): [string, string] => [
      kind === 'agent' ? 'Id for agent' : 'Id for API',
      `${sub}, ${identifier}`,
    ])
  const more = subjects.length - rows.length
  return more > 0 ? [...rows, ['Id for others', `${more} more: use --json`]] : rows
}

interface EditOptions extends ChangeOptions {
  name?: string
  email?: string
}

/** `countersign server users edit`: changes the name that pages show, or the email address. An empty value removes it. */
export const usersEdit: Run<EditOptions> = async ({ name, email, ...flags }, terminal, username) => {
  if (name === undefined && email === undefined) throw usageError('Specify what to change: --name, --email, or both.')
  if (email !== undefined && email !== '' && !isEmail(email))
    throw usageError('--email must be an email address, such as alice@example.com, or empty to remove the address.')
  const by = operatorName(flags)
  const edited = await inStorage(flags, terminal, async ({ storage }) => {
    const { id: userId } = await findUser(storage, username)
    await storage.editUser({ userId, displayName: emptyAsNull(name), email: emptyAsNull(email), by })
    return storage.findUser(userId)
  })
  if (!edited || edited.status === 'closed') throw new CommandError(`The account ${username} is closed.`)
  const text = onOneLine(`${edited.username}: name ${edited.displayName ?? '-'}, email ${edited.email ?? '-'}.`)
  terminal.write(`${flags.json ? JSON.stringify(edited) : text}\n`)
  return exitStatus.done
}

function emptyAsNull(text: string | undefined): string | null | undefined {
  return text === '' ? null : text
}

interface SessionOptions extends ChangeOptions {
  end?: string
  endAll?: true
}

/** `countersign server users sessions`: lists the browsers in which a user is signed in, or signs the user out. */
export const usersSessions: Run<SessionOptions> = async ({ end, endAll, ...flags }, terminal, username) => {
  const by = operatorName(flags)
  const { sessions, ended } = await inStorage(flags, terminal, async ({ storage }) => {
    const { id: userId } = await findUser(storage, username)
    if (endAll) return { sessions: [], ended: await storage.endSessions({ userId, by }) }
    if (end === undefined) return { sessions: await storage.listSessions({ userId }), ended: undefined }
    if (await storage.endSessionById({ userId, id: end, by })) return { sessions: [], ended: 1 }
    throw new CommandError(`${username} has no session ${end}.`)
  })
  if (ended !== undefined) {
    const text = `${ended === 1 ? '1 session' : `${ended} sessions`} of ${username} ended.`
    terminal.write(`${flags.json ? JSON.stringify({ ended }) : text}\n`)
    return exitStatus.done
  }
  const listed = sessions.map(({ current: _current, ...session }) => session)
  const rows = listed.map((session) => [
    session.id,
    formatTime(session.createdAt),
    formatTime(session.lastSeenAt),
    formatTime(session.expiresAt),
    session.ip ?? '-',
    session.userAgent ?? '-',
  ])
  const table = () => renderTable(['ID', 'SINCE', 'LAST SEEN', 'EXPIRES', 'ADDRESS', 'BROWSER'], rows)
  terminal.write(flags.json ? `${JSON.stringify(listed, null, 2)}\n` : table())
  return exitStatus.done
}
