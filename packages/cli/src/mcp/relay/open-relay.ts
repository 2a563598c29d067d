import { printable } from '../../terminal/text.js'
import { metaKeys, metaOf, sessionVersions, versions } from '../messages/eras.js'
import { type Answer, type RpcRequest, refusal, rpcCodes } from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { labelQuestions } from '../messages/server-questions.js'
import type { Exchange } from '../server/post-message.js'
import { createStatelessServer } from '../server/stateless-server.js'
import type { Opened, Relay, RelayOptions } from './relay.js'
import { sessionsOnSessions } from './sessions-on-sessions.js'
import { sessionsOnStateless } from './sessions-on-stateless.js'

/** Errors that only a 2026-07-28 server returns. */
const statelessErrors: readonly number[] = [
  rpcCodes.headerMismatch,
  rpcCodes.missingCapability,
  rpcCodes.unsupportedVersion,
]

/**
 * Detects which era a server speaks, trying the client's era first, and opens the relay between the two. A server that accepts `initialize`
 * without keeping a session can prompt the user only in 2026-07-28, so that era is preferred if the server supports both. If a 2026-07-28
 * client meets a server with sessions, the client gets an error with the versions that it can fall back to.
 *
 * @throws ServerProblem if the server speaks neither era
 */
export function openRelay(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  return options.client.era === 'sessions' ? openForSessions(options, exchange) : openForStateless(options, exchange)
}

async function openForSessions(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const first = await attempt(() => sessionsOnSessions(options, exchange))
  if (!('relay' in first)) {
    const second = await attempt(() => sessionsOnStateless(options, exchange))
    return 'relay' in second ? second : outcomeOf(first)
  }
  if (first.hasSession) return first
  const second = await sessionsOnStateless(options, exchange).catch(() => first)
  return 'relay' in second ? second : first
}

async function openForStateless(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const { host, onProblem, description } = options
  const discover: RpcRequest = {
    jsonrpc: '2.0',
    id: 'countersign-discover',
    method: 'server/discover',
    params: {
      _meta: {
        [metaKeys.version]: versions.stateless,
        [metaKeys.clientInfo]: description.clientInfo,
        [metaKeys.clientCapabilities]: description.capabilities,
      },
    },
  }
  const server = createStatelessServer(host, onProblem)
  const discovered = await attempt(() => server.request(discover, exchange))
  if ('problem' in discovered) {
    const { status = 0 } = discovered.problem
    if (status < 400) throw discovered.problem
    return { refused: versionRefused(host, description.protocolVersion) }
  }
  if (speaksStateless(discovered)) return { relay: statelessOnStateless(options), answer: discovered }
  return { refused: versionRefused(host, description.protocolVersion) }
}

/** Returns the error that makes dual-era clients fall back to `initialize` when they receive it in response to `server/discover`. */
function versionRefused(host: string, requested: string): Answer {
  const message = `${host} does not support MCP ${printable(requested).slice(0, 40)}. Connect again with initialize (${versions.sessions}).`
  return refusal(rpcCodes.unsupportedVersion, message, { supported: sessionVersions, requested })
}

function speaksStateless(answer: Answer): boolean {
  if ('error' in answer) return statelessErrors.includes(answer.error.code)
  const { supportedVersions } = answer.result
  return Array.isArray(supportedVersions) && supportedVersions.includes(versions.stateless)
}

/**
 * Returns the result, or the problem if the server does not understand the request. Any other failure is thrown, because trying the other
 * era would not help.
 */
async function attempt<Result extends object>(
  open: () => Promise<Result>,
): Promise<Result | { problem: ServerProblem }> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof ServerProblem && (error.status === undefined || error.status < 500)) return { problem: error }
    throw error
  }
}

function outcomeOf(attempted: Opened | { problem: ServerProblem }): Opened {
  if ('problem' in attempted) throw attempted.problem
  return attempted
}

/** Whether a client's request is self-contained. */
export function isComplete(request: RpcRequest): boolean {
  return typeof metaOf(request)[metaKeys.version] === 'string'
}

/** Relays a 2026-07-28 client to a 2026-07-28 server: requests are forwarded unchanged, with their headers. */
function statelessOnStateless({ host, onProblem }: Pick<RelayOptions, 'host' | 'onProblem'>): Relay {
  const server = createStatelessServer(host, onProblem)
  return {
    request: async (request: RpcRequest, exchange: Exchange) =>
      labelQuestions(await server.request(request, exchange), host),
    async notify(message, exchange) {
      // A request is canceled by closing its stream.
      if (message.method !== 'notifications/cancelled') await server.notify(message, exchange)
    },
    close: async () => undefined,
  }
}
