import type { TokenSummary } from 'countersign/agent'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { openTokens } from './open-tokens.js'

/** `countersign tokens list`: what the command line's agent may do, and until when. */
export const tokensList: Run = async ({ agent, json }, terminal) => {
  const own = await openTokens(agent, terminal)
  try {
    const tokens = await own.agent.tokens()
    if (json) terminal.write(`${JSON.stringify({ tokens: tokens.map(asJson) }, null, 2)}\n`)
    else terminal.write(tokens.map(asText).join(''))
    if (tokens.length === 0 && !json) terminal.notify('There are no tokens: nothing was allowed yet, or it has ended.')
    return exitStatus.done
  } finally {
    await own.close()
  }
}

function asJson({ resource, authServer, scope, expiresAt, isRenewable }: TokenSummary): object {
  const expires = new Date(expiresAt * 1000).toISOString()
  return { resource, auth_server: authServer, scope: scope.join(' '), expires_at: expires, renewable: isRenewable }
}

function asText({ resource, authServer, scope, expiresAt, isRenewable }: TokenSummary): string {
  const until = `until ${new Date(expiresAt * 1000).toLocaleString()}${isRenewable ? ', then renewed' : ''}`
  return [resource, wrapText('  ', `${scope.join(' ') || 'no scope'}; ${until}; from ${authServer}`), ''].join('\n')
}
