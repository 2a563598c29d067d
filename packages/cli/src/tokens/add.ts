import type { CallbackOutcome } from 'countersign/agent'
import { portableRedirect } from '../agent-folder/agent-documents.js'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { openTokens } from './open-tokens.js'

/** `countersign tokens add <address>`: takes the answer of a person who decided while no command waited for it. */
export const tokensAdd: Run = async ({ agent }, terminal, address) => {
  if (!isLanding(address))
    throw usageError(
      `Give the whole address that the browser ended at, in quotes: it begins with ${portableRedirect}, perhaps with a port.`,
    )
  let outcome: CallbackOutcome | undefined
  let why = ''
  const own = await openTokens(agent, terminal, (ended, detail = '') => {
    outcome = ended
    why = detail
    return new Response()
  })
  try {
    await own.agent.handler(new Request(`${portableRedirect}${new URL(address).search}`))
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

/** Whether a browser ends there that comes back to this machine; whoever gives it may be told by somebody else what to give (attacks L09). */
function isLanding(address: string): boolean {
  if (!URL.canParse(address)) return false
  const url = new URL(address)
  const hasState = url.searchParams.has('state')
  for (const part of ['port', 'search', 'hash'] as const) url[part] = ''
  return hasState && url.href === portableRedirect
}
