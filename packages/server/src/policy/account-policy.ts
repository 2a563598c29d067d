import { isCommonPassword } from './common-password.js'

/** What a user name and a password must be. */
export const passwordMinimum = 8
const passwordMaximum = 1024
/** UTF-16 units. */
export const usernameMaximum = 128

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

/** Alphabets with many letters that look like those of another one of them. */
const alphabets = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Georgian}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Coptic}/u,
  /\p{Script=Lisu}/u,
  /\p{Script=Deseret}/u,
  /\p{Script=Osage}/u,
  /\p{Script=Tifinagh}/u,
  /\p{Script=Old_Italic}/u,
]

/**
 * What is wrong with a user name: it is not one line of visible characters, or one word of it is written in two alphabets
 * whose letters look alike (UTS 39 §5). Whether it looks like somebody's who is there, the storage knows.
 */
export function usernameProblem(username: string): 'username_invalid' | 'username_mixed' | undefined {
  if (username.length > usernameMaximum || !usernamePattern.test(username) || unseen.test(username)) {
    return 'username_invalid'
  }
  const words = username.normalize('NFKC').split(/[^\p{L}\p{M}]+/u)
  const isMixed = (word: string) => alphabets.filter((letter) => letter.test(word)).length > 1
  return words.some(isMixed) ? 'username_mixed' : undefined
}

/** Whether a text looks like an e-mail address; whether it is theirs, nobody has shown. */
export function isEmail(email: string): boolean {
  return email.length <= 254 && /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(email)
}
