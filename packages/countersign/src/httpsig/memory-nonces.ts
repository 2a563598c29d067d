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
  /** Nonces by the second they end in: each is looked at once more, however full it is. */
  const ending = new Map<number, string[]>()
  let forgottenAt = Number.NEGATIVE_INFINITY

  function forget(at: number): void {
    // A clock that was set back must not stop the forgetting.
    if (at === forgottenAt) return
    forgottenAt = at
    for (const [end, keys] of ending) {
      if (end > at) continue
      for (const key of keys) if (seen.get(key) === end) seen.delete(key)
      ending.delete(end)
    }
  }

  return (key, lifetime) => {
    const at = now()
    const end = Math.ceil(at + lifetime)
    forget(at)
    const claimedUntil = seen.get(key)
    if (claimedUntil !== undefined && claimedUntil > at) return false
    // Forgetting a live nonce would let it be used again: refuse instead.
    if (seen.size >= limit) throw new AAuthError('unavailable', 'The nonce store is full.', { retryAfter: 5 })
    seen.set(key, end)
    const others = ending.get(end)
    if (others) others.push(key)
    else ending.set(end, [key])
    return true
  }
}
