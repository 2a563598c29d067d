import { shapesOf } from '../letters/shapes-of.js'

/** Letters and signs that are taken for a small Latin letter where a name is known, though they look like it a little only. */
const taken: Readonly<Record<string, string>> = {
  a: '∂ⱥ@4',
  b: 'ьƅßβ8',
  c: 'ς',
  e: 'ꞓєɛε€3',
  k: 'ҡ',
  l: 'iⲓ|',
  m: 'ⲙ',
  n: 'пπⲛ',
  r: 'ɾ',
  s: '5$',
  t: '7†ⲧ',
  u: 'цμⲩ',
  w: 'ω',
  x: 'χ×',
  z: 'ⲍ',
}

const letters: ReadonlyMap<string, string> = new Map(
  Object.entries(taken).flatMap(([letter, others]) => Array.from(others, (other) => [other, letter] as const)),
)

/** Arabic letters that differ by a sign only, or between the languages that use them. */
const arabic: Readonly<Record<string, string>> = { ة: 'ه', ى: 'ي', ی: 'ي', ک: 'ك', ٱ: 'ا', ؤ: 'و', ئ: 'ي', ـ: '' }

/**
 * A text with every letter and sign by the one that it can be taken for, in lower case and without marks on them: two
 * texts that look alike are one. It is for comparing with another, never for showing.
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

/** Where the letters from A to Z stand in circles, squares and flags. */
const drawn = [0x1f1e6, 0x1f130, 0x1f150, 0x1f170]

function drawnLetter(sign: string): string | undefined {
  const code = sign.codePointAt(0) ?? 0
  const first = drawn.find((start) => code >= start && code < start + 26)
  return first === undefined ? undefined : String.fromCharCode(0x61 + code - first)
}
