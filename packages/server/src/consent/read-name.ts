import { shapesOf } from '../storage/api/shapes-of.js'

/** A string folded for comparison with names: its letters, digits and symbols by appearance, without separators. */
export interface ReadName {
  /** One UTF-16 unit per character. */
  letters: string
  /** Positions of symbols, each of which can stand for any letter. */
  symbols: ReadonlySet<number>
  /** Positions where a word begins or ends. Words may be joined and letters may be spaced apart. */
  boundaries: ReadonlySet<number>
}

/** The maximum number of characters read, which is the maximum length of a host name. */
const longest = 253

/** Reads a name or host, up to its first 253 characters. */
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

/** Matches a run of letters, a run of digits, or one symbol that can be read as a letter. */
const wordPattern = /[\p{L}\p{M}]+|\p{N}+|[@$|]|(?![+<=>^`~])\p{S}/gu

const symbol = /^[@|\p{S}]$/u

/** Whether a folded word occurs in a name between two boundaries. */
export function standsIn({ letters, boundaries }: ReadName, word: string): boolean {
  return [...boundaries].some((at) => letters.startsWith(word, at) && boundaries.has(at + word.length))
}

/** Whether a folded word occurs at the beginning of a word in a name. */
export function beginsIn({ letters, boundaries }: ReadName, word: string): boolean {
  return [...boundaries].some((at) => letters.startsWith(word, at))
}

/**
 * Letters, digits and symbols that only resemble a lowercase Latin letter, but read as that letter within a name. `shapesOf` covers those
 * listed in UTS 39. The ones here are digits, symbols, and letters of other scripts that are used in decorative alphabets.
 */
const resembling: Readonly<Record<string, string>> = {
  a: '∂ⱥ@4ᗩ卂ɐ∀△▲☆★ค',
  b: 'ьƅßβ8ᗷ乃฿₿๒',
  c: 'ςᑕ匚⊂©ⵎ¢',
  d: 'ᗪđ∆๔',
  e: 'ꞓєɛε€3ᗴ乇ǝ∃∈ə',
  f: 'ᖴ千ɟƒ',
  g: '69ᘜɢƃ',
  h: 'ᕼ卄ɥ',
  j: 'ᒍﾌ',
  k: 'ҡҝʞ',
  l: 'iⲓ|ᒪㄥ丨∣❘ʅ',
  m: 'ⲙᗰɯ爪๓',
  n: 'пπⲛᑎ几∩ภ',
  o: '⊙ʘ◯○●◎⌾◉⊚⊛⊕⊖⊗⊘⦿⦾⚪⚫⭕◌◍⬤⏺°∘•◦⚬☉ᦞㄖ๏□◻☐■⬭⬯ⵙⴲ',
  oo: 'ꙮ',
  p: 'ᑭ卩',
  q: 'ᑫɋ',
  r: 'ɾᖇ尺ɹ®',
  s: '5$ᔕ丂§',
  t: '7†ⲧㄒʇ✝⊤ⵜ',
  u: 'цμⲩᑌㄩ⊍⋃ย',
  v: 'ᐯ√∨',
  w: 'ωᗯ山ฬ',
  x: 'χ×᙭乂✕✖',
  y: 'ㄚʎ¥',
  z: 'ⲍ2ᘔ乙',
}

const letters: ReadonlyMap<string, string> = new Map(
  Object.entries(resembling).flatMap(([letter, others]) => Array.from(others, (other) => [other, letter] as const)),
)

/** Arabic letters that differ only in a mark, or only between the languages that use them. */
const arabic: Readonly<Record<string, string>> = { ة: 'ه', ى: 'ي', ی: 'ي', ک: 'ك', ٱ: 'ا', ؤ: 'و', ئ: 'ي', ـ: '' }

/**
 * Folds each letter and symbol to the one it can be mistaken for, in lowercase and without marks, so that strings that look alike become
 * equal. For comparison only, never for display.
 */
export function foldLookAlikes(text: string): string {
  const plain = replaced(text.normalize('NFKC'), (sign) => arabic[sign] ?? drawnLetter(sign) ?? sign)
  const bare = shapesOf(shapesOf(plain).toLowerCase()).normalize('NFKD').replace(/\p{M}/gu, '')
  return replaced(bare, (sign) => letters.get(sign) ?? sign)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
}

function replaced(text: string, by: (sign: string) => string): string {
  return Array.from(text, by).join('')
}

/** Code points of the letters A to Z in circles, squares and flags. */
const drawn = [0x1f1e6, 0x1f130, 0x1f150, 0x1f170]

function drawnLetter(sign: string): string | undefined {
  const code = sign.codePointAt(0) ?? 0
  const first = drawn.find((start) => code >= start && code < start + 26)
  return first === undefined ? undefined : String.fromCharCode(0x61 + code - first)
}
