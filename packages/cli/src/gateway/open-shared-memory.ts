import cluster from 'node:cluster'
import type { RevokedTokens } from 'countersign/editions'
import { MissingPackageError } from 'countersign/node'
import { createMemoryNonces, createRateLimit } from 'countersign/resource'
import { createMcpSessions, type McpCaller, type McpSession, type McpSessions } from 'countersign/resource/mcp'
import {
  type GatewaySettings,
  openRevokedTokens,
  type ReadGatewaySettings,
  type SharedMemory,
} from 'countersign-gateway'
import { CommandError } from '../command/errors.js'
import type { ServerLog } from '../terminal/server-log.js'
import type { Terminal } from '../terminal/terminal.js'
import { callPrimary, serveWorkerCalls } from '../workers/shared-calls.js'

/** State that a process shares with any other processes. */
export interface OpenMemory {
  /** Undefined if the state is not shared. */
  shared: SharedMemory | undefined
  /** Rejects if the shared state cannot be reached. */
  readonly ready: () => Promise<void>
  readonly close: () => void
}

/** Without Redis, the primary process keeps the state for all workers. */
export function hostSharedState(config: ReadGatewaySettings): void {
  const { redis } = config.settings
  const sessions = createMcpSessions()
  const counted = { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }
  const revoked = openRevokedTokens(config)
  const revocations = {
    addRevoked: ({ issuer, jti, until }: Revocation) => revoked.add(issuer, jti, until),
    hasRevoked: ({ issuer, jti }: TokenName) => revoked.has(issuer, jti),
  }
  serveWorkerCalls({
    ...(redis === undefined ? { ...counted, ...revocations } : {}),
    openSession: ({ id, caller }: SessionOf) => sessions.open(id, caller),
    useSession: ({ id, caller }: SessionOf) => sessions.use(id, caller),
    closeSession: (id: string) => sessions.close(id),
  })
}

/**
 * Opens the state shared by all processes: each nonce can be used only once, rates are counted, and revoked tokens are refused, across all
 * of them (G12).
 */
export async function openSharedMemory(
  { id, redis }: GatewaySettings,
  { notify }: Terminal,
  log: ServerLog,
): Promise<OpenMemory> {
  if (redis !== undefined) {
    const { openRedisMemory } = await loadRedis()
    const memory = await openRedisMemory(redis, {
      id,
      onLost(error) {
        notify('Redis is not responding. Until it responds, requests that need it are refused with 503.')
        log.failure('redis.lost', error)
      },
      onFound: () => log.write('info', 'redis.found'),
    })
    return {
      shared: { mcpSessions: primarySessions(), ...memory },
      ready: () => memory.ready(),
      close: () => memory.close(),
    }
  }
  const viaPrimary: SharedMemory = {
    claimNonce: callPrimary('claimNonce'),
    rateLimit: callPrimary('rateLimit'),
    revokedTokens: primaryRevocations(),
    mcpSessions: primarySessions(),
  }
  const shared = cluster.isWorker ? viaPrimary : undefined
  return { shared, ready: async () => undefined, close: () => undefined }
}

interface TokenName {
  issuer: string
  jti: string
}

interface Revocation extends TokenName {
  until: number
}

/** In a worker: accesses the revoked tokens held by the primary process. */
function primaryRevocations(): RevokedTokens {
  const add = callPrimary<Revocation, boolean>('addRevoked')
  const has = callPrimary<TokenName, boolean>('hasRevoked')
  return {
    add: (issuer, jti, until) => add({ issuer, jti, until }),
    has: (issuer, jti) => has({ issuer, jti }),
  }
}

interface SessionOf {
  id: string
  caller: McpCaller
}

/** In a worker: accesses the sessions held by the primary process. */
function primarySessions(): McpSessions | undefined {
  if (!cluster.isWorker) return undefined
  const open = callPrimary<SessionOf, boolean>('openSession')
  const use = callPrimary<SessionOf, McpSession | undefined>('useSession')
  return {
    open: (id, caller) => open({ id, caller }),
    use: (id, caller) => use({ id, caller }),
    close: callPrimary('closeSession'),
  }
}

/** @throws CommandError if the Redis client is not installed */
export async function loadRedis(): Promise<typeof import('countersign-gateway/redis')> {
  try {
    return await import('countersign-gateway/redis')
  } catch (cause) {
    if (cause instanceof MissingPackageError) throw new CommandError(`redis: ${cause.message}`, { cause })
    throw cause
  }
}
