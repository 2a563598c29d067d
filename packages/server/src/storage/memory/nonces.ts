import type { MemoryUnit } from './tables.js'

export function claimNonce({ tables, now }: MemoryUnit, key: string, lifetime: number): boolean {
  const claimedUntil = tables.nonces.get(key)
  if (claimedUntil !== undefined && claimedUntil > now) return false
  tables.nonces.set(key, now + lifetime)
  return true
}
