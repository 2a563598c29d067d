/** Letters and signs by the small Latin letter that each can be taken for; those that NFKC makes equal are left out. */
const lookAlikes: Readonly<Record<string, string>> = {
  a: 'аαɑ∂ⱥ@4',
  b: 'ьвƅβʙß8',
  c: 'сϲᴄ¢',
  d: 'ԁɗđ',
  e: 'еєɛε€3',
  f: 'ƒ',
  g: 'ɡցԍ',
  h: 'һհ',
  j: 'јϳ',
  k: 'кκҡқ',
  l: 'iıіιӏɩǀ|1ł',
  m: 'мᴍ',
  n: 'ոηɴп',
  o: 'оοօσøө0۵٥ഠ',
  p: 'рρ',
  q: 'ԛզ',
  r: 'гᴦɾ',
  s: 'ѕꜱ5$',
  t: 'тτᴛ7†ŧ',
  u: 'υսцʋᴜμ',
  v: 'ѵνᴠ',
  w: 'ԝաωɯᴡ',
  x: 'хχ×',
  y: 'уүγʏ',
  z: 'ᴢ',
}

/** Capitals that look like another letter than their small ones do. */
const capitals: Readonly<Record<string, string>> = { В: 'b', Н: 'h', Η: 'h', Μ: 'm', Ν: 'n', Υ: 'y', Ζ: 'z', Ρ: 'p' }

/** Arabic letters that differ by a sign only, or between the languages that use them. */
const arabic: Readonly<Record<string, string>> = { ة: 'ه', ى: 'ي', ی: 'ي', ک: 'ك', ٱ: 'ا', ؤ: 'و', ئ: 'ي', ـ: '' }

const folded: ReadonlyMap<string, string> = new Map([
  ...Object.entries(lookAlikes).flatMap(([letter, others]) => Array.from(others, (other) => [other, letter] as const)),
  ...Object.entries(arabic),
])

/**
 * A text with every letter and sign by the one that it can be taken for, in lower case and without marks on them: two
 * texts that look alike are one. It is for comparing with another, never for showing.
 */
export function foldLookAlikes(text: string): string {
  const plain = Array.from(text.normalize('NFKC'), (sign) => capitals[sign] ?? drawnLetter(sign) ?? sign).join('')
  return Array.from(plain.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, ''), (sign) => folded.get(sign) ?? sign)
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
}

/** Where the letters from A to Z stand in circles, squares and flags. */
const drawn = [0x1f1e6, 0x1f130, 0x1f150, 0x1f170]

function drawnLetter(sign: string): string | undefined {
  const code = sign.codePointAt(0) ?? 0
  const first = drawn.find((start) => code >= start && code < start + 26)
  return first === undefined ? undefined : String.fromCharCode(0x61 + code - first)
}
