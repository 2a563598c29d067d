import type { Grant, TokenIssue } from './grant-storage.js'

/** Whether there is anything left to refresh once the token has expired (W14). */
export function outlives({ expiresAt }: Grant, token: TokenIssue): boolean {
  return expiresAt === null || expiresAt > token.expiresAt
}
