import { StorageError } from '../storage-error.js'
import { deleteWhere } from './delete-where.js'
import type { MemoryUnit } from './tables.js'

const maxNonces = 100_000

export function claimNonce({ tables, now }: MemoryUnit, key: string, lifetime: number): boolean {
  const claimedUntil = tables.nonces.get(key)
  if (claimedUntil !== undefined && claimedUntil > now) return false
  if (tables.nonces.size >= maxNonces && tables.noncesSweptAt !== now) {
    tables.noncesSweptAt = now
    deleteWhere(tables.nonces, (expiresAt) => expiresAt <= now)
  }
  // Forgetting a live nonce would let it be used again: refuse instead.
  if (tables.nonces.size >= maxNonces) throw new StorageError('unavailable', 'too many nonces are remembered')
  tables.nonces.set(key, now + lifetime)
  return true
}
