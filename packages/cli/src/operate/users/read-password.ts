import { passwordProblem } from 'countersign-server'
import { CommandError, usageError } from '../../command/command-error.js'
import type { Terminal } from '../../terminal/terminal.js'

const longest = 8192

const problems: Readonly<Record<NonNullable<ReturnType<typeof passwordProblem>>, string>> = {
  password_too_short: 'The password is too short: use at least 8 characters.',
  password_too_long: 'The password is too long: use at most 1024 characters.',
  password_common: 'The password is one of the first that anybody would try: use another.',
}

/** A new password, typed twice without being shown, or from standard input. @throws CommandError when it is too weak */
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
  if (!readHidden) throw usageError('There is no terminal to ask for the password on: give it with --password-stdin.')
  const password = await readHidden('Password: ')
  if ((await readHidden('Again: ')) === password) return password
  throw new CommandError('The two passwords differ; nothing was changed.')
}
