import { foldLookAlikes } from './look-alike.js'

/** A text as it is compared with names: its letters, digits and symbols by what they look like, without what separates them. */
export interface ReadName {
  /** One UTF-16 unit for each character. */
  letters: string
  /** Positions of symbols, which may stand for any letter. */
  symbols: ReadonlySet<number>
  /** Where a word begins or ends: words can be written together, and letters apart. */
  boundaries: ReadonlySet<number>
}

/** Characters that are read; a host name has no more. */
const longest = 253

/** Reads a name or a host, up to 253 characters of it. */
export function readName(text: string): ReadName {
  const apart = text
    .slice(0, longest)
    .normalize('NFKC')
    .slice(0, longest)
    .replace(/(?<=\p{L})[!|](?=\p{L})/gu, 'l')
    .replace(/\(\)|\[\]|\{\}|<>/g, '○')
    .replace(/(?<=\p{Ll})(?=\p{Lu})/gu, ' ')
  const words = apart.match(wordPattern) ?? []
  const boundaries = new Set([0])
  const symbols = new Set<number>()
  let letters = ''
  for (const word of words) {
    if (symbol.test(word)) symbols.add(letters.length)
    letters += foldLookAlikes(word).replace(/[\u{10000}-\u{10ffff}]/gu, unknownCharacter)
    boundaries.add(letters.length)
  }
  return { letters, symbols, boundaries }
}

const unknownCharacter = '\ufffd'

/** A run of letters, a run of digits, or one symbol that may be read as a letter. */
const wordPattern = /[\p{L}\p{M}]+|\p{N}+|[@$|]|(?![+<=>^`~])\p{S}/gu

const symbol = /^[@|\p{S}]$/u

/** Whether a folded word stands in a name from one boundary to another. */
export function standsIn({ letters, boundaries }: ReadName, word: string): boolean {
  return [...boundaries].some((at) => letters.startsWith(word, at) && boundaries.has(at + word.length))
}

/** Whether a folded word stands at the beginning of a word of a name. */
export function beginsIn({ letters, boundaries }: ReadName, word: string): boolean {
  return [...boundaries].some((at) => letters.startsWith(word, at))
}
