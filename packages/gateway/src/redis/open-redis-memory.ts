import { createClient } from '@redis/client'
import { redisNonces, redisRateLimit } from 'countersign/resource/redis'
import type { SharedMemory } from '../config/configured-gateway.js'

/** Memory that all gateways of one API share. */
export interface RedisMemory extends SharedMemory {
  /** Rejects if the store does not respond: requests that need it are refused with 503. */
  ready(): Promise<void>
  /** Ends the connection. */
  close(): void
}

export interface RedisMemoryOptions {
  /** The identifier of the API. Gateways of several APIs can share a store. */
  id: string
  /** Called once each time that the store is lost. */
  onLost: (error: unknown) => void
  /** Called each time that the store is available again, and at first. */
  onFound: () => void
}

/** Milliseconds. */
const times = { first: 2000, answer: 1000, silence: 5000, ping: 2000 }
/** Commands that wait for a store that hangs. */
const mostWaiting = 10_000

/**
 * Connects to Redis, Valkey or a compatible store, and reconnects whenever the connection is lost. Waits at most two seconds for a store
 * that is not available yet.
 *
 * @param url `redis://user:password@host:6379`; `rediss://` by TLS
 */
export async function openRedisMemory(url: string, { id, onLost, onFound }: RedisMemoryOptions): Promise<RedisMemory> {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: mostWaiting,
    // Detects a connection that is gone without being closed.
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
    async ready() {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`no response within ${times.answer} ms`)), times.answer).unref()
      })
      await Promise.race([client.ping(), late])
    },
    close: () => client.destroy(),
  }
}
