/** The limits for usernames and passwords. */
export const passwordMinimum = 8
const passwordMaximum = 1024
/** UTF-16 units. */
export const usernameMaximum = 128

/** Returns what is wrong with a user's new password. Its length is counted in characters. */
export function passwordProblem(
  password: string,
  username?: string,
): 'password_too_short' | 'password_too_long' | 'password_common' | undefined {
  const length = Array.from(password).length
  if (length < passwordMinimum) return 'password_too_short'
  if (length > passwordMaximum) return 'password_too_long'
  return isCommonPassword(password, username) ? 'password_common' : undefined
}

// A letter may carry vowel signs or accents, as in many scripts, but only a few.
const visible = '[\\p{L}\\p{N}\\p{P}\\p{S}]\\p{M}{0,3}'
const usernamePattern = new RegExp(`^${visible}(?: ?${visible})*$`, 'u')
/** Invisible characters. With one of them, a name could look identical to another user's. */
const unseen = /[\p{Default_Ignorable_Code_Point}\u2800]/u

/** Alphabets with many letters that look like letters in another alphabet in this list. */
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
 * Returns what is wrong with a username: it is not one line of visible characters, or a word in it mixes two alphabets whose letters look
 * alike (UTS 39 §5). The storage checks whether the username looks like an existing one.
 */
export function usernameProblem(username: string): 'username_invalid' | 'username_mixed' | undefined {
  if (username.length > usernameMaximum || !usernamePattern.test(username) || unseen.test(username)) {
    return 'username_invalid'
  }
  const words = username.normalize('NFKC').split(/[^\p{L}\p{M}]+/u)
  const isMixed = (word: string) => alphabets.filter((letter) => letter.test(word)).length > 1
  return words.some(isMixed) ? 'username_mixed' : undefined
}

/** Whether a string looks like an email address. Does not verify that the address belongs to the user. */
export function isEmail(email: string): boolean {
  return email.length <= 254 && /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(email)
}

// Words at the top of leaked-password lists, and keyboard rows (ASVS 6.2.4).
const stems = new Set(
  `password passwort passw passwd pass qwerty qwertyui qwertyuiop qwertz qwert azerty asdfgh asdfghjk asdfghjkl zxcvbn
  zxcvbnm qazwsx qazwsxedc zaqwsx abcd abcde abcdef abcdefg abcdefgh letmein welcome admin administrator login secret
  iloveyou iloveu sunshine princess football baseball superman batman starwars computer michelle jennifer jessica
  dragon monkey master trustno whatever changeme shadow freedom charlie michael jordan hello test user guest root
  samsung google facebook internet abc qwe zaq12wsx`.split(/\s+/),
)

/** Letters that are so often replaced with these digits or symbols that the replacement adds no security. */
const disguises: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  $: 's',
  '@': 'a',
}

const rows = ['01234567890', '1q2w3e4r5t6y7u8i9o0p', '1qaz2wsx3edc4rfv', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
const runs = [...rows, ...rows.map((row) => Array.from(row).reverse().join(''))]

/**
 * Whether a password would be among an attacker's first guesses: a common word or the username with digits or symbols around it, a keyboard
 * row, or a few repeated characters.
 */
export function isCommonPassword(password: string, username = ''): boolean {
  const text = password.toLowerCase()
  if (/^(.{1,4})\1+.?$/su.test(text)) return true
  if (runs.some((run) => run.includes(text))) return true
  const name = username.toLowerCase()
  return [text, undisguised(text)].some((spelling) => {
    const stem = withoutEdges(spelling)
    return stems.has(stem) || (name !== '' && (spelling === name || (stem !== '' && stem === withoutEdges(name))))
  })
}

function undisguised(text: string): string {
  const letters = text.replace(/^[\d\W_]*(?=\D)|[\d\W_]+$/gu, '')
  return Array.from(letters, (character) => disguises[character] ?? character).join('')
}

/** Returns the word without the digits and symbols that users add around it. */
function withoutEdges(text: string): string {
  return text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
}
