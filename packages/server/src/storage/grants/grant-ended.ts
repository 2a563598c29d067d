import type { Grant } from './grant-storage.js'

/** Whether a grant was removed or its time is over. */
export function grantEnded({ revokedAt, expiresAt }: Pick<Grant, 'revokedAt' | 'expiresAt'>, now: number): boolean {
  return revokedAt !== null || (expiresAt !== null && expiresAt <= now)
}
