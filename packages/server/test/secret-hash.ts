import { createHash } from 'node:crypto'

/** What storage knows a secret by: SHA-256 as base64url. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
