import { grantEnded } from './grant-ended.js'
import type { Grant } from './grant-storage.js'

/**
 * Whether a new remembered grant takes over what an older one holds. Only while the older one lasts at least as long:
 * else what was allowed for a short time would live on under what is allowed for longer.
 */
export function mayUnite(before: Grant, successor: Grant, now: number): boolean {
  if (grantEnded(before, now)) return false
  return before.expiresAt === null || (successor.expiresAt !== null && before.expiresAt >= successor.expiresAt)
}
