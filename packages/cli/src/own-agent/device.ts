import { createSigner } from 'countersign'
import { AgentError } from 'countersign/agent'
import { createDelegate, createDelegateRequests, type Delegate, type DelegateOptions } from 'countersign/delegate'
import { isAgentName } from '../agent-folder/agent-file.js'
import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { CommandError, exitStatus } from '../command/errors.js'
import { type ChosenEdition, editionOf } from '../editions/agent-editions.js'

/** A connected device, as its auth server describes it. */
export interface Connected {
  device: string
  account: string
  /** When the connection ends, in Unix seconds; null if it does not end by itself. */
  expires_at: number | null
}

/** Opens the agent of a connected device, which gets its agent tokens from its auth server. */
export function openDevice(agent: ChosenEdition, options: DelegateOptions): Delegate {
  const { id } = options
  const delegate = createDelegate({ ...options, ...editionOf(agent).device(id) })
  return {
    ...delegate,
    async agentToken(url) {
      try {
        return await delegate.agentToken(url)
      } catch (cause) {
        if (!(cause instanceof AgentError)) throw cause
        const { code, error, retryAfter } = cause
        throw new AgentError(code, sentenceOf(cause, id), { cause, error, retryAfter })
      }
    },
  }
}

/** Disconnects a device: all its access ends. @throws AgentError */
export async function disconnect({ id, keys }: WrittenAgent): Promise<void> {
  const requests = createDelegateRequests({ id, signer: await createSigner(keys.signing) })
  await requests('/delegates/disconnect', {})
}

/** Fetches the state of a device; undefined if it is no longer connected. @throws CommandError if that is unknown */
export async function findConnection({ id, keys }: WrittenAgent): Promise<Connected | undefined> {
  const requests = createDelegateRequests({ id, signer: await createSigner(keys.signing) })
  try {
    return readConnected(await requests('/delegates/status', {}))
  } catch (error) {
    if (isDisconnected(error)) return undefined
    throw deviceFailure(error, id)
  }
}

/** Whether the auth server no longer knows the device, because the user disconnected it, or because its time is up. */
export function isDisconnected(error: unknown): boolean {
  return error instanceof AgentError && ['revoked_delegate', 'unknown_delegate'].includes(error.error ?? '')
}

function sentenceOf(error: AgentError, issuer: string): string {
  if (isDisconnected(error))
    return `This device is no longer connected to ${issuer}. To connect it again, run: countersign login ${issuer}`
  return error.code === 'agent_server_unreachable' ? `${issuer} does not respond. Try again later.` : error.message
}

/** Describes a failed request of a device for its user. Errors of other kinds are returned unchanged. */
export function deviceFailure(error: unknown, issuer: string): unknown {
  if (!(error instanceof AgentError)) return error
  const { code, retryAfter } = error
  const wait = retryAfter === undefined ? '' : ` Try again in ${retryAfter} s.`
  const exitCode = code === 'agent_server_unreachable' ? exitStatus.network : exitStatus.refused
  return new CommandError(`${sentenceOf(error, issuer)}${wait}`, { exitCode, cause: error })
}

/** @throws AgentError for a response that is not as expected */
export function readConnected({ device, account, expires_at: end }: Readonly<Record<string, unknown>>): Connected {
  if (!isAgentName(device) || !isAgentName(account))
    throw new AgentError('agent_token_refused', 'The auth server’s response names no device or no account.')
  return { device, account, expires_at: typeof end === 'number' ? end : null }
}
