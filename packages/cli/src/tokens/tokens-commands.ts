import type { CallbackOutcome, TokenSummary } from 'countersign/agent'
import { agentFolderPath, portableRedirect } from '../agent-folder/agent-folder.js'
import { readAgentFolder } from '../agent-folder/folder-files.js'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { type OwnAgent, openOwnAgent } from '../own-agent/open-own-agent.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'

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

/** The agent of `--agent`, with its tokens. */
export async function openTokens(
  agent: unknown,
  { env }: Terminal,
  callbackResponse?: (outcome: CallbackOutcome, detail?: string) => Response,
): Promise<OwnAgent> {
  const folder = await readAgentFolder(agentFolderPath(env, typeof agent === 'string' ? agent : undefined))
  return openOwnAgent({ folder, callbackResponse })
}
