import cluster from 'node:cluster'
import { MissingPackageError } from 'countersign/node'
import type { Log } from 'countersign/observability'
import { createMemoryNonces, createRateLimit } from 'countersign/resource'
import type { GatewaySettings, SharedMemory } from 'countersign-gateway'
import { CommandError } from '../command/command-error.js'
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
  if (redis === undefined) answerWorkers({ claimNonce: createMemoryNonces(), rateLimit: createRateLimit() })
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
    return { shared: memory, ready: () => memory.ready(), close: () => memory.close() }
  }
  const byFirst: SharedMemory = { claimNonce: callFirst('claimNonce'), rateLimit: callFirst('rateLimit') }
  const shared = cluster.isWorker ? byFirst : undefined
  return { shared, ready: async () => undefined, close: () => undefined }
}

async function loadRedis(): Promise<typeof import('countersign-gateway/redis')> {
  try {
    return await import('countersign-gateway/redis')
  } catch (cause) {
    if (cause instanceof MissingPackageError) throw new CommandError(`redis: ${cause.message}`, { cause })
    throw cause
  }
}
