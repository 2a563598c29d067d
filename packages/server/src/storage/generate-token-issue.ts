import { randomBytes } from 'node:crypto'
import type { Grant, TokenIssue } from './storage.js'

/** The issue of a token under a grant, never beyond the end of the grant (W14). */
export function generateTokenIssue(grant: Grant, tokenLifetime: number, now: number): TokenIssue {
  return {
    jti: `${grant.id}.${randomBytes(16).toString('base64url')}`,
    issuedAt: now,
    expiresAt: Math.min(now + tokenLifetime, grant.expiresAt ?? Number.POSITIVE_INFINITY),
  }
}
