import { createClient } from '@redis/client'
import { redisNonces, redisRateLimit } from 'countersign/resource/redis'
import type { SharedMemory } from '../config/configured-gateway.js'

/** What all gateways of one API remember. */
export interface RedisMemory extends SharedMemory {
  /** Rejects where the store does not answer: requests that need it are refused then (503). */
  ready(): Promise<void>
  /** Ends the connection. */
  close(): void
}

export interface RedisMemoryOptions {
  /** The identifier of the API: what gateways of another one remember in the same store is apart. */
  id: string
  /** Called once for each time that the store is lost. */
  onLost: (error: unknown) => void
  /** Called when it answers, first and again. */
  onFound: () => void
}

/** Milliseconds. */
const times = { first: 2000, answer: 1000, silence: 5000, ping: 2000 }
/** Commands that wait for an answer of a store that hangs. */
const mostWaiting = 10_000

/**
 * Connects to Redis, Valkey or what speaks as they do, and again whenever it is lost. A store that is not there yet is not waited
 * for longer than two seconds.
 *
 * @param url `redis://user:password@host:6379`; `rediss://` by TLS
 */
export async function openRedisMemory(url: string, { id, onLost, onFound }: RedisMemoryOptions): Promise<RedisMemory> {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: mostWaiting,
    // One that is gone without a word is found out.
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
        setTimeout(() => reject(new Error(`no answer within ${times.answer} ms`)), times.answer).unref()
      })
      await Promise.race([client.ping(), late])
    },
    close: () => client.destroy(),
  }
}
