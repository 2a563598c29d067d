import type { CallbackOutcome, TokenSummary } from 'countersign/agent'
import { agentFolderPath } from '../agent-folder/agent-folder.js'
import { readAgentFolder } from '../agent-folder/folder-files.js'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { portableRedirect } from '../editions/agent-editions.js'
import { type OwnAgent, type OwnAgentOptions, openOwnAgent } from '../own-agent/open-own-agent.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'

/** `countersign agent tokens list`: lists what the command line's agent may do, and until when. */
export const tokensList: Run = async ({ home, json }, terminal) => {
  const own = await openTokens(home, terminal, { isLocal: true })
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

/** Formats Unix seconds in the local time zone: `2026-01-31 12:00`. */
function localTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  const pad = (value: number) => String(value).padStart(2, '0')
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join('-')
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}`
}

/** `countersign agent tokens add <address>`: completes a consent that the user gave while no command was waiting. */
export const tokensAdd: Run = async ({ home, json }, terminal, address) => {
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
  const own = await openTokens(home, terminal, { callbackResponse })
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
export const tokensForget: Run = async ({ home, all, json }, terminal, resource) => {
  if ((resource === '') !== (all === true))
    throw usageError('Specify which resource’s tokens to forget, as shown by agent tokens list, or use --all.')
  const own = await openTokens(home, terminal, { isLocal: true })
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

/** Opens the agent in the `--home` folder, with its tokens. */
export async function openTokens(
  home: unknown,
  { env }: Terminal,
  options: Pick<OwnAgentOptions, 'callbackResponse' | 'isLocal'>,
): Promise<OwnAgent> {
  const folder = await readAgentFolder(agentFolderPath(env, typeof home === 'string' ? home : undefined))
  return openOwnAgent({ folder, ...options })
}
