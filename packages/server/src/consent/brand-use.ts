import { foldLookAlikes, type ReadName, readName } from './read-name.js'

/** Minimum length of a brand that is also found inside other words and with one typo. Shorter brands occur in too many words. */
const longBrand = 6

/** Creates a function that returns those of the given brands, in folded form, that a name uses. */
export function createFindBrand<B extends { folded: string }>(brands: readonly B[]): (name: ReadName) => B[] {
  return (name) => {
    const around = placesAround(name)
    return brands.filter(({ folded }) => isUsed(folded, name, around))
  }
}

function isUsed(brand: string, name: ReadName, around: Around): boolean {
  const { letters } = name
  if (brand.length < longBrand) {
    return around.starts.some((at) => resembles(name, at, brand) && around.ends.has(at + brand.length))
  }
  for (let at = 0; at + brand.length <= letters.length; at++) {
    if (resembles(name, at, brand) && !isOrdinary(name, at, at + brand.length, brand)) return true
  }
  return around.starts.some((at) =>
    [-1, 0, 1].some((more) => {
      const end = at + brand.length + more
      return around.ends.has(end) && isOneEdit(letters.slice(at, end), brand) && !isOrdinary(name, at, end, brand)
    }),
  )
}

/** Where a brand may begin and end: at a word boundary, or next to a word that is often joined to a brand. */
interface Around {
  starts: readonly number[]
  ends: ReadonlySet<number>
}

function placesAround({ letters, boundaries }: ReadName): Around {
  const starts = new Set(boundaries)
  const ends = new Set(boundaries)
  for (const boundary of boundaries) {
    for (let length = 2; length <= longestAddition; length++) {
      if (additions.has(letters.slice(boundary, boundary + length))) starts.add(boundary + length)
      if (boundary >= length && additions.has(letters.slice(boundary - length, boundary))) ends.add(boundary - length)
    }
  }
  return { starts: [...starts], ends }
}

/** Words that are often joined to a brand, before or after it, as in `slackapp`. */
const oneAddition = `
  account accounts admin agent ai api app apps auth bot business care center chat client cloud com connect desk dev drive
  get go group help helper helpdesk hq id inc integration io live login mail my net official online pay payment payments
  platform plus portal pro safe secure security service services signin sso store support sync team tech the us verify
  web workspace`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

const additions: ReadonlySet<string> = new Set([
  ...oneAddition,
  ...oneAddition.flatMap((one) => oneAddition.map((two) => one + two)),
])
const longestAddition = Math.max(...Array.from(additions, (addition) => addition.length))

/**
 * Whether the letters at a position match the brand. At most one in three letters may be replaced by a symbol or by a letter of another
 * script.
 */
function resembles({ letters, symbols }: ReadName, at: number, brand: string): boolean {
  let wild = Math.floor(brand.length / 3)
  for (let index = 0; index < brand.length; index++) {
    const [here, there] = [letters[at + index], brand[index]]
    if (here === there) continue
    const mayBeAny = (symbols.has(at + index) || !isLatin(here)) && isLatin(there)
    if (!mayBeAny || wild-- === 0) return false
  }
  return true
}

function isLatin(letter: string | undefined): boolean {
  return letter !== undefined && /[a-z0-9]/.test(letter)
}

/** Whether the word differs by one letter that is missing, added or replaced, or by two adjacent letters that are swapped. */
function isOneEdit(word: string, brand: string): boolean {
  let start = 0
  while (start < Math.min(word.length, brand.length) && word[start] === brand[start]) start++
  const [rest, other] = [word.slice(start), brand.slice(start)]
  if (word.length !== brand.length) return rest.slice(1) === other || rest === other.slice(1)
  if (rest.slice(1) === other.slice(1)) return true
  return rest[0] === other[1] && rest[1] === other[0] && rest.slice(2) === other.slice(2)
}

/** Words and well-known names that contain a brand or differ from it by one letter, but are not mistaken for it. */
const ordinary = new RegExp(
  `^(?:(?!${foldLookAlikes('icloud')}).?${foldLookAlikes('cloud')}s?|${[
    'amazons clade clause discard finance goggle goggly openair openapi outlooks papal strife strike strip stride',
    'strips stripes striped stripey stripy strive telegrams tripe',
  ]
    .join(' ')
    .split(' ')
    .map(foldLookAlikes)
    .join('|')})$`,
)

/** Whether these letters, alone or with the next one, form a word not mistaken for the brand. The brand itself is never one. */
function isOrdinary({ letters, boundaries }: ReadName, at: number, end: number, brand: string): boolean {
  if (!boundaries.has(at)) return false
  return [0, 1].some((more) => {
    const word = letters.slice(at, end + more)
    return word !== brand && boundaries.has(end + more) && ordinary.test(word)
  })
}

/** Folds a name or brand for comparison. */
export function foldName(text: string): string {
  return readName(text).letters
}
