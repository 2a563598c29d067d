import type { CallbackOutcome } from 'countersign/agent'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { openTokens } from './open-tokens.js'

/** `countersign tokens add <address>`: takes the answer of a person who decided while no command waited for it. */
export const tokensAdd: Run = async ({ agent }, terminal, address) => {
  if (!URL.canParse(address) || !new URL(address).search.includes('state='))
    throw usageError('Give the whole address that the browser ended at, in quotes: it begins with http://127.0.0.1')
  let outcome: CallbackOutcome | undefined
  let why = ''
  const own = await openTokens(agent, terminal, (ended, detail = '') => {
    outcome = ended
    why = detail
    return new Response()
  })
  try {
    const { pathname, search } = new URL(address)
    await own.agent.handler(new Request(`http://127.0.0.1${pathname}${search}`))
  } finally {
    await own.close()
  }
  if (outcome === 'allowed') {
    terminal.notify('It worked: run the command again.')
    return exitStatus.done
  }
  if (outcome === 'denied') throw new CommandError('Nothing was allowed.', { exitCode: exitStatus.denied })
  throw new CommandError(why === '' ? 'That did not work: run the command again, and allow it there.' : why)
}
