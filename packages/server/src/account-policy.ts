/** What a user name and a password must be. */
export const passwordMinimum = 8
const passwordMaximum = 1024
const usernameMaximum = 128

// The ones that lists of leaked passwords begin with, as far as they are long enough (ASVS 6.2.4).
const commonPasswords = new Set(
  '12345678 123456789 1234567890 password password1 password123 passw0rd qwertyui qwerty123 qwertyuiop 11111111 00000000 iloveyou sunshine princess football baseball welcome1 letmein1 admin123 abc12345 abcd1234 1q2w3e4r trustno1 superman starwars computer michelle jennifer 88888888 987654321 asdfghjk zaq12wsx 1qaz2wsx dragon123 monkey123 whatever changeme'.split(
    ' ',
  ),
)

/** What is wrong with a new password; its length is in characters. */
export function passwordProblem(
  password: string,
): 'password_too_short' | 'password_too_long' | 'password_common' | undefined {
  const length = Array.from(password).length
  if (length < passwordMinimum) return 'password_too_short'
  if (length > passwordMaximum) return 'password_too_long'
  return commonPasswords.has(password.toLowerCase()) ? 'password_common' : undefined
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
