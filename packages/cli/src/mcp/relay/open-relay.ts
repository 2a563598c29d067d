import { metaKeys, metaOf, versions } from '../messages/eras.js'
import type { Exchange } from '../messages/exchange.js'
import { type Answer, type RpcRequest, rpcCodes } from '../messages/json-rpc.js'
import { ServerProblem } from '../server/server-problem.js'
import { createStatelessServer } from '../server/stateless-server.js'
import type { Opened, RelayOptions } from './relay.js'
import { sessionsOnSessions } from './sessions-on-sessions.js'
import { sessionsOnStateless } from './sessions-on-stateless.js'
import { statelessOnSessions } from './stateless-on-sessions.js'
import { statelessOnStateless } from './stateless-on-stateless.js'

/** Errors that only a server of 2026-07-28 knows. */
const statelessErrors: readonly number[] = [
  rpcCodes.headerMismatch,
  rpcCodes.missingCapability,
  rpcCodes.unsupportedVersion,
]

/**
 * Finds out which era a server speaks, that of the client first, and opens what fits between the two. A server that takes a
 * handshake, but keeps no session, can ask a person only as one of 2026-07-28, if it is one as well.
 *
 * @throws ServerProblem where it speaks neither
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
  const { capabilities, clientInfo } = options.description
  const discover: RpcRequest = {
    jsonrpc: '2.0',
    id: 'countersign-discover',
    method: 'server/discover',
    params: {
      _meta: {
        [metaKeys.version]: versions.stateless,
        [metaKeys.clientInfo]: clientInfo,
        [metaKeys.clientCapabilities]: capabilities,
      },
    },
  }
  const server = createStatelessServer(options.host, options.onProblem)
  const first = await attempt(async () => ({ refused: await server.request(discover, exchange) }))
  const answer = 'refused' in first ? first.refused : undefined
  if (answer && speaksStateless(answer)) return { relay: statelessOnStateless(options), answer }
  const second = await attempt(() => statelessOnSessions(options, exchange))
  return 'relay' in second ? second : outcomeOf(answer && 'error' in answer ? first : second)
}

function speaksStateless(answer: Answer): boolean {
  if ('error' in answer) return statelessErrors.includes(answer.error.code)
  const { supportedVersions } = answer.result
  return Array.isArray(supportedVersions) && supportedVersions.includes(versions.stateless)
}

type Attempt = Opened | { problem: ServerProblem }

/** What a server says that does not know what it is asked; one that is not there is nobody's to ask again. */
async function attempt(open: () => Promise<Opened>): Promise<Attempt> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof ServerProblem && (error.status === undefined || error.status < 500)) return { problem: error }
    throw error
  }
}

function outcomeOf(attempted: Attempt): Opened {
  if ('problem' in attempted) throw attempted.problem
  return attempted
}

/** Whether a request of the client is complete in itself. */
export function isComplete(request: RpcRequest): boolean {
  return typeof metaOf(request)[metaKeys.version] === 'string'
}
