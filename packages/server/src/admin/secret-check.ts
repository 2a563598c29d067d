import { createHash, timingSafeEqual } from 'node:crypto'

/** Characters that the administrator's secret has at least. */
export const minimumAdminSecret = 32

/** What can be shown as a bearer token: visible ASCII, without blanks. */
export const adminSecretForm = /^[\x21-\x7e]+$/

/**
 * Hashes both first, so that the comparison takes as long for every text.
 *
 * @throws TypeError for a secret that is too short, or that nobody could show
 */
export function createSecretCheck(secret: string): (presented: string) => boolean {
  if (secret.length < minimumAdminSecret)
    throw new TypeError(`adminSecret must have at least ${minimumAdminSecret} characters`)
  if (!adminSecretForm.test(secret))
    throw new TypeError('adminSecret must be of visible ASCII characters, without blanks')
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(secret)
  return (presented) => timingSafeEqual(digest(presented), expected)
}
