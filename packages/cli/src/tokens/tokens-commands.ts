import type { CallbackOutcome, TokenSummary } from 'countersign/agent'
import { type AgentFlags, chooseAgent } from '../agent-folder/choose-agent.js'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { portableRedirect } from '../editions/agent-editions.js'
import { type OwnAgent, type OwnAgentOptions, openOwnAgent } from '../own-agent/open-own-agent.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { localTime, wrapText } from '../terminal/text.js'

interface TokensFlags extends AgentFlags {
  all?: true
  json?: true
}

/** `countersign agent tokens list`: lists what the command line's agent may do, and until when. */
export const tokensList: Run<TokensFlags> = async (flags, terminal) => {
  const { json } = flags
  const own = await openTokens(flags, terminal, { isLocal: true })
  const tokens = await own.agent.tokens()
  if (json) terminal.write(`${JSON.stringify({ tokens: tokens.map(tokenDocument) }, null, 2)}\n`)
  else terminal.write(tokens.map(renderToken).join(''))
  if (tokens.length === 0 && !json)
    terminal.notify('There are no tokens: no consent has been given yet, or it has expired.')
  const servers = [...new Set(tokens.filter(({ isRenewable }) => isRenewable).map(({ authServer }) => authServer))]
  if (servers.length > 0 && !json)
    terminal.notify(wrapText('', `“My agents” shows when your consent expires: sign in at ${servers.join(' and ')}.`))
  return exitStatus.done
}

/** Describes a token for programs. */
export function tokenDocument({ resource, authServer, scope, expiresAt, isRenewable }: TokenSummary): object {
  const expires = new Date(expiresAt * 1000).toISOString()
  return { resource, auth_server: authServer, scope: scope.join(' '), expires_at: expires, renewable: isRenewable }
}

/** Describes a token for users, in lines. */
export function renderToken({ resource, authServer, scope, expiresAt, isRenewable }: TokenSummary): string {
  const until = `until ${localTime(expiresAt)}${isRenewable ? ', then renewed until your consent expires' : ', not renewed'}`
  return [resource, wrapText('  ', `${scope.join(' ') || 'no scope'}; ${until}; from ${authServer}`), ''].join('\n')
}

/** `countersign agent tokens add <address>`: completes a consent that the user gave while no command was waiting. */
export const tokensAdd: Run<TokensFlags> = async (flags, terminal, address) => {
  const { json } = flags
  if (!isLanding(address))
    throw usageError(
      `Pass the browser’s complete final URL, in quotes: it starts with ${portableRedirect}, possibly with a port, and contains state.`,
    )
  let outcome: CallbackOutcome | undefined
  let why = ''
  const callbackResponse = (ended: CallbackOutcome, detail = '') => {
    outcome = ended
    why = detail
    return new Response()
  }
  const own = await openTokens(flags, terminal, { callbackResponse })
  try {
    await own.agent.handler(new Request(`${portableRedirect}${new URL(address).search}`))
  } finally {
    await own.close()
  }
  if (outcome === 'allowed') {
    if (json) terminal.write(`${JSON.stringify({ outcome })}\n`)
    else terminal.notify('Done: run the original command again.')
    return exitStatus.done
  }
  if (outcome === 'denied') throw new CommandError('Access was denied.', { exitCode: exitStatus.denied })
  throw new CommandError(
    why === '' ? 'That did not work: run the original command again, and give consent on the page that it opens.' : why,
  )
}

/** Whether a URL is a redirect to this machine. An attacker may have told the user which URL to pass (attacks L09). */
function isLanding(address: string): boolean {
  if (!URL.canParse(address)) return false
  const url = new URL(address)
  const hasState = url.searchParams.has('state')
  for (const part of ['port', 'search', 'hash'] as const) url[part] = ''
  return hasState && url.href === portableRedirect
}

/** `countersign agent tokens forget [resource]`: removes tokens and pending consents, so that the next request prompts the user again. */
export const tokensForget: Run<TokensFlags> = async (flags, terminal, resource) => {
  const { all, json } = flags
  if ((resource === '') !== (all === true))
    throw usageError('Specify which resource’s tokens to forget, as shown by agent tokens list, or use --all.')
  const own = await openTokens(flags, terminal, { isLocal: true })
  const forgotten = (await own.agent.tokens()).filter((token) => all === true || token.resource === resource)
  await own.agent.forget(all === true ? undefined : { resource })
  if (all !== true && forgotten.length === 0)
    throw usageError(
      `There are no tokens for ${resource}; see agent tokens list. Any pending consents for it were forgotten.`,
    )
  const authServers = [...new Set(forgotten.map((token) => token.authServer))]
  if (json) terminal.write(`${JSON.stringify({ forgotten: forgotten.map(tokenDocument) }, null, 2)}\n`)
  else {
    const hint = ` Your consent remains valid: to revoke it, go to your account at ${authServers.join(' and ')}.`
    terminal.notify(wrapText('', `Forgotten.${authServers.length === 0 ? '' : hint}`))
  }
  return exitStatus.done
}

/** Opens the chosen agent, with its tokens. */
export async function openTokens(
  flags: AgentFlags,
  { env }: Terminal,
  options: Pick<OwnAgentOptions, 'callbackResponse' | 'isLocal'>,
): Promise<OwnAgent> {
  return openOwnAgent({ folder: await chooseAgent(flags, env), ...options })
}
