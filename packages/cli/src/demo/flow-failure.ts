import { AgentError } from 'countersign/agent'
import { errorReasons } from 'countersign/wire'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import { addressHint } from '../network/address-hint.js'

/** What may help where a peer refuses what it was sent. */
export const interopHint = 'A peer that speaks an older form of the protocol needs --interop.'

/** Why a flow ended early, for the person who started it: with the causes, and with the flag that may help. */
export function flowFailure(error: unknown, interop: boolean): unknown {
  if (!(error instanceof AgentError)) return error
  const [sentence, exitCode] = describe(error, interop)
  return new CommandError(sentence, { exitCode, cause: error })
}

function describe(error: AgentError, interop: boolean): [sentence: string, exitCode: number] {
  const { code, message } = error
  switch (code) {
    case 'auth_server_unknown': {
      const reason = errorReasons(error).at(-1)
      const told =
        reason === undefined || message.includes(reason) ? message : `${message.replace(/\.$/, '')} (${reason}).`
      const hint = addressHint(error)
      return [
        hint === undefined ? told : `${told} ${hint}`,
        isUnreachable(error.cause) ? exitStatus.network : exitStatus.refused,
      ]
    }
    case 'auth_server_refused':
      return [`${message} --auth-server-url names the one to use.`, exitStatus.refused]
    case 'token_request_failed':
      return [interop ? message : `${message.replace(/\.?$/, '.')} ${interopHint}`, exitStatus.refused]
    default:
      return [message, exitStatus.refused]
  }
}

function isUnreachable(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'reason' in cause && cause.reason === 'unreachable'
}
