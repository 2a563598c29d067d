import type { AgentPage } from '../pages/account-models.js'
import type { ListedGrant } from '../storage/api/storage.js'

/** When something that a person allowed came to its end, and who saw to that; undefined: it still holds. */
export function endOf({ userId, revokedAt, revokedBy, expiresAt }: ListedGrant, now: number): AgentPage['ended'] {
  if (revokedAt !== null) return { at: revokedAt, by: revokedBy === userId ? 'person' : 'server' }
  return expiresAt !== null && expiresAt <= now ? { at: expiresAt, by: 'time' } : undefined
}
