import { createHash } from 'node:crypto'

/** The form in which storage knows a secret: SHA-256 as base64url. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
