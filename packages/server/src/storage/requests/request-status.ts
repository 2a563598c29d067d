import type { AuthRequestStatus } from './request-storage.js'

/** The status as of `now`: an open request ends at its expiry without anybody writing that down. */
export function requestStatus(stored: AuthRequestStatus, expiresAt: number, now: number): AuthRequestStatus {
  return stored === 'open' && expiresAt <= now ? 'expired' : stored
}
