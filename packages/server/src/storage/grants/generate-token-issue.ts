import { randomBytes } from 'node:crypto'
import type { Grant, TokenIssue } from './grant-storage.js'

/** The issue of a token under a grant, never beyond the end of the grant (W14). */
export function generateTokenIssue(grant: Grant, scope: string, tokenLifetime: number, now: number): TokenIssue {
  return {
    jti: generateJti(grant.id),
    scope,
    issuedAt: now,
    expiresAt: Math.min(now + tokenLifetime, grant.expiresAt ?? Number.POSITIVE_INFINITY),
  }
}

/** `<grant id or policy name>.<random>` */
export function generateJti(under: string): string {
  return `${under}.${randomBytes(16).toString('base64url')}`
}
