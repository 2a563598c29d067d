import { AgentError } from 'countersign/agent'
import { errorReasons } from 'countersign/wire'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import { addressHint } from '../network/address-hint.js'

const statuses: Partial<Record<AgentError['code'], number>> = {
  access_denied: exitStatus.denied,
  consent_expired: exitStatus.expired,
  consent_required: exitStatus.consentNeeded,
  auth_server_unknown: exitStatus.network,
}

/** Why a request of the command line's agent was not answered, in a sentence for who typed it, with the exit status that says so. */
export function agentFailure(error: unknown, url: string): unknown {
  if (error instanceof AgentError) {
    const exitCode = statuses[error.code] ?? exitStatus.refused
    return new CommandError(sentenceOf(error, new URL(url).host), { exitCode, cause: error })
  }
  if (!(error instanceof TypeError)) return error
  const reasons = errorReasons(error)
  const why = reasons.at(-1) ?? error.message
  // The platform's fetch says why as the cause; what has none is about the request itself.
  if (error.cause === undefined) return new CommandError(`It cannot be sent: ${why}.`, { cause: error })
  const message = `${new URL(url).host} did not answer: ${why}.`
  return new CommandError(message, { exitCode: exitStatus.network, cause: error })
}

function sentenceOf(error: AgentError, host: string): string {
  const { code, message, url, authServer, retryAfter } = error
  const hint = addressHint(error)
  const said = hint === undefined ? message : `${message} ${hint}`
  if (authServer !== undefined)
    return `${host} sends people to ${authServer} to decide. If you would type your password there, add --auth-server ${authServer}`
  if (code === 'consent_required')
    return `${said} Run this in a terminal, or open the page, allow it, and give the address where the browser ends to “countersign tokens add”:\n${url}`
  return retryAfter === undefined ? said : `${said} Try again in ${retryAfter} s.`
}
