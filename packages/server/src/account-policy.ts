import { isCommonPassword } from './common-password.js'

/** What a user name and a password must be. */
export const passwordMinimum = 8
const passwordMaximum = 1024
const usernameMaximum = 128

/** What is wrong with a new password of a person; its length is in characters. */
export function passwordProblem(
  password: string,
  username?: string,
): 'password_too_short' | 'password_too_long' | 'password_common' | undefined {
  const length = Array.from(password).length
  if (length < passwordMinimum) return 'password_too_short'
  if (length > passwordMaximum) return 'password_too_long'
  return isCommonPassword(password, username) ? 'password_common' : undefined
}

// A letter may carry vowel signs or accents, as in many scripts, but no heap of them.
const visible = '[\\p{L}\\p{N}\\p{P}\\p{S}]\\p{M}{0,3}'
const usernamePattern = new RegExp(`^${visible}(?: ?${visible})*$`, 'u')
/** Letters and signs that show nothing: with one, a name reads as somebody else's. */
const unseen = /[\p{Default_Ignorable_Code_Point}\u2800]/u

/** Whether a user name is one line of visible characters. */
export function isUsername(username: string): boolean {
  return username.length <= usernameMaximum && usernamePattern.test(username) && !unseen.test(username)
}

/** Whether a text looks like an e-mail address; whether it is theirs, nobody has shown. */
export function isEmail(email: string): boolean {
  return email.length <= 254 && /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(email)
}
