import { createClient } from '@redis/client'
import { redisNonces, redisRateLimit, redisRevokedTokens } from 'countersign/resource/redis'
import type { SharedMemory } from '../config/configured-gateway.js'

/** Memory that all of an API's gateways share. */
export interface RedisMemory extends SharedMemory {
  /** Rejects if the store does not respond. Requests that need the store are then refused with 503. */
  ready(): Promise<void>
  /** Closes the connection. */
  close(): void
}

export interface RedisMemoryOptions {
  /** The API's identifier. Gateways of different APIs can share one store. */
  id: string
  /** Called once each time the connection to the store is lost. */
  onLost: (error: unknown) => void
  /** Called each time the store becomes available, including the first time. */
  onFound: () => void
}

/** Milliseconds. */
const times = { first: 2000, answer: 1000, silence: 5000, ping: 2000 }
/** Maximum number of commands that wait for an unresponsive store. */
const maxWaiting = 10_000

/**
 * Connects to Redis, Valkey or a compatible store, and reconnects whenever the connection is lost. Waits up to two seconds for a store that
 * is not available yet.
 *
 * @param url `redis://user:password@host:6379`; `rediss://` for TLS
 */
export async function openRedisMemory(url: string, { id, onLost, onFound }: RedisMemoryOptions): Promise<RedisMemory> {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxWaiting,
    // Detects a connection that was lost without being closed.
    pingInterval: times.ping,
    socket: { connectTimeout: times.silence, socketTimeout: times.silence },
  })
  let isLost = false
  client.on('error', (error) => {
    if (!isLost) onLost(error)
    isLost = true
  })
  client.on('ready', () => {
    isLost = false
    onFound()
  })
  const connecting = client.connect().catch(() => undefined)
  await Promise.race([connecting, new Promise((resolve) => setTimeout(resolve, times.first).unref())])
  const options = { prefix: `countersign ${id}`, timeout: times.answer }
  return {
    claimNonce: redisNonces(client, options),
    rateLimit: redisRateLimit(client, options),
    revokedTokens: redisRevokedTokens(client, options),
    async ready() {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`no response within ${times.answer} ms`)), times.answer).unref()
      })
      await Promise.race([client.ping(), late])
    },
    close: () => client.destroy(),
  }
}
