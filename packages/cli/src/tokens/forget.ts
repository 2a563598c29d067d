import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { openTokens } from './open-tokens.js'

/** `countersign tokens forget [resource]`: drops tokens, and pages where nobody has decided, so that a person is asked again. */
export const tokensForget: Run = async ({ agent, all }, terminal, resource) => {
  if ((resource === '') !== (all === true))
    throw usageError('Name the resource whose tokens to forget, as tokens list shows it, or give --all.')
  const own = await openTokens(agent, terminal)
  try {
    const before = await own.agent.tokens()
    const authServers = new Set(
      before.filter((token) => all === true || token.resource === resource).map((token) => token.authServer),
    )
    await own.agent.forget(all === true ? undefined : { resource })
    if (all !== true && authServers.size === 0)
      throw usageError(
        `There are no tokens for ${resource}: tokens list shows those that there are. A page where nobody has decided about it is forgotten.`,
      )
    const where = [...authServers].join(' and ')
    const hint = where === '' ? '' : ` What you allowed stays allowed: to take it back, go to your account at ${where}.`
    terminal.notify(wrapText('', `Forgotten.${hint}`))
    return exitStatus.done
  } finally {
    await own.close()
  }
}
