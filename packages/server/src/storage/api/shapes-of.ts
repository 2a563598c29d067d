import { readFileSync } from 'node:fs'

/**
 * What each character looks like, from the characters that look like it: the confusables of Unicode 16 (UTS 39 §4), but
 * for those that NFKD takes apart already.
 */
const lookAlikes: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../../assets/look-alikes.json', import.meta.url), 'utf8'),
)

/** What UTS 39 leaves out, or takes for another letter than most fonts draw. */
const others: Readonly<Record<string, string>> = {
  A: 'ΔΛɅⲀ',
  S: 'Ⴝ',
  a: 'ᴀⲁ',
  b: 'ʙ',
  d: 'ᴅ',
  e: 'ᴇ',
  f: 'ꜰ',
  g: 'ɢ',
  h: 'ʜ',
  j: 'ᴊ',
  k: 'ᴋĸ',
  l: 'ʟᏆ\u04CF',
  m: 'ᴍʍ',
  n: 'ɴ',
  p: 'ᴘ',
  q: 'ꞯ',
  r: 'ʀ',
  t: 'ᴛ',
  u: 'ᴜ',
  vv: 'wᴡ',
  y: 'ʏ',
}

const shapes = new Map(
  [lookAlikes, others].flatMap((each) =>
    Object.entries(each).flatMap(([shape, characters]) =>
      Array.from(characters, (character): [string, string] => [character, shape]),
    ),
  ),
)

/** What the characters of a text look like: texts that look alike have the same shapes (UTS 39, skeletons). */
export function shapesOf(text: string): string {
  // Shapes have shapes: a small capital and the letter that looks like it are one.
  const characters = Array.from(text.normalize('NFKD'), (character) => Array.from(shapeOf(character), shapeOf).join(''))
  // A dot above i or j is there already.
  return characters
    .join('')
    .normalize('NFKD')
    .replaceAll(/(?<=[ij])\u0307/g, '')
}

function shapeOf(character: string): string {
  return shapes.get(character) ?? character
}
