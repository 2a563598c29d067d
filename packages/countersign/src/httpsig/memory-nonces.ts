import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'

export interface MemoryNoncesOptions {
  /** How many are remembered at once; beyond it requests with a nonce are refused for a moment. @default 100000 */
  limit?: number
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/** A `claimNonce` that remembers in this process. With several instances, each would accept a nonce once: share a store. */
export function createMemoryNonces(options: MemoryNoncesOptions = {}): (key: string, lifetime: number) => boolean {
  const { limit = 100_000, now = systemClock } = options
  const seen = new Map<string, number>()
  return (key, lifetime) => {
    const at = now()
    const expiresAt = seen.get(key)
    if (expiresAt !== undefined && expiresAt > at) return false
    if (seen.size >= limit) {
      for (const [old, end] of seen) if (end <= at) seen.delete(old)
      // Forgetting a live nonce would let it be used again: refuse instead.
      if (seen.size >= limit) throw new AAuthError('unavailable', 'The nonce store is full.', { retryAfter: 5 })
    }
    seen.set(key, at + lifetime)
    return true
  }
}
