// Words that lists of leaked passwords begin with, and rows of keys (ASVS 6.2.4).
const stems = new Set(
  `password passwort passw passwd pass qwerty qwertyui qwertyuiop qwertz qwert azerty asdfgh asdfghjk asdfghjkl zxcvbn
  zxcvbnm qazwsx qazwsxedc zaqwsx abcd abcde abcdef abcdefg abcdefgh letmein welcome admin administrator login secret
  iloveyou iloveu sunshine princess football baseball superman batman starwars computer michelle jennifer jessica
  dragon monkey master trustno whatever changeme shadow freedom charlie michael jordan hello test user guest root
  samsung google facebook internet abc qwe zaq12wsx`.split(/\s+/),
)

/** Letters that are written as digits or signs so often that it hides nothing. */
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
 * Whether a password is among the first that are guessed: a common word with digits or signs around it, the user name
 * in the same way, a row of keys, or a few characters again and again.
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

/** The word between what people put around one. */
function withoutEdges(text: string): string {
  return text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
}
