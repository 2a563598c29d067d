import cluster from 'node:cluster'
import { MissingPackageError } from 'countersign/node'
import type { Log } from 'countersign/observability'
import { createMemoryNonces, createRateLimit } from 'countersign/resource'
import { createMcpSessions, type McpCaller, type McpSession, type McpSessions } from 'countersign/resource/mcp'
import type { GatewaySettings, SharedMemory } from 'countersign-gateway'
import { CommandError } from '../command/errors.js'
import type { Terminal } from '../terminal/terminal.js'
import { answerWorkers, callFirst } from '../workers/shared-calls.js'

/** What a process shares with others, if it does. */
export interface OpenMemory {
  /** Undefined: nobody shares it. */
  shared: SharedMemory | undefined
  /** Rejects where it cannot be reached. */
  readonly ready: () => Promise<void>
  readonly close: () => void
}

/** Where no other machine shares it, the first of several processes remembers for all. */
export function rememberForWorkers({ redis }: GatewaySettings): void {
  const sessions = createMcpSessions()
  const counted = redis === undefined ? { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() } : {}
  answerWorkers({
    ...counted,
    openSession: ({ id, caller }: SessionOf) => sessions.open(id, caller),
    useSession: ({ id, caller }: SessionOf) => sessions.use(id, caller),
    closeSession: (id: string) => sessions.close(id),
  })
}

/** A nonce works once, and a rate counts once, in all processes together (G12). */
export async function openSharedMemory(
  { id, redis }: GatewaySettings,
  { notify }: Terminal,
  log: Log,
): Promise<OpenMemory> {
  if (redis !== undefined) {
    const { openRedisMemory } = await loadRedis()
    const memory = await openRedisMemory(redis, {
      id,
      onLost(error) {
        notify('Redis does not answer. Until it does, requests that need it are refused with 503.')
        log.failure('redis.lost', error)
      },
      onFound: () => log.write('info', 'redis.found'),
    })
    return {
      shared: { mcpSessions: sessionsOfFirst(), ...memory },
      ready: () => memory.ready(),
      close: () => memory.close(),
    }
  }
  const byFirst: SharedMemory = {
    claimNonce: callFirst('claimNonce'),
    rateLimit: callFirst('rateLimit'),
    mcpSessions: sessionsOfFirst(),
  }
  const shared = cluster.isWorker ? byFirst : undefined
  return { shared, ready: async () => undefined, close: () => undefined }
}

interface SessionOf {
  id: string
  caller: McpCaller
}

/** In a worker: the sessions that the first process knows. */
function sessionsOfFirst(): McpSessions | undefined {
  if (!cluster.isWorker) return undefined
  const open = callFirst<SessionOf, void>('openSession')
  const use = callFirst<SessionOf, McpSession | undefined>('useSession')
  return {
    open: (id, caller) => open({ id, caller }),
    use: (id, caller) => use({ id, caller }),
    close: callFirst('closeSession'),
  }
}

async function loadRedis(): Promise<typeof import('countersign-gateway/redis')> {
  try {
    return await import('countersign-gateway/redis')
  } catch (cause) {
    if (cause instanceof MissingPackageError) throw new CommandError(`redis: ${cause.message}`, { cause })
    throw cause
  }
}
