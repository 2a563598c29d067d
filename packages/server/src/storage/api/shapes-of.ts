import { readFileSync } from 'node:fs'

/**
 * Maps each shape to the characters that look like it: the confusables of Unicode 16 (UTS 39 §4), except those that NFKD already
 * decomposes.
 */
const lookAlikes: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../../assets/look-alikes.json', import.meta.url), 'utf8'),
)

/** Characters that UTS 39 omits, or maps to a different letter than the one most fonts draw. */
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

const shapes = new Map<string, string>()
for (const [shape, characters] of [lookAlikes, others].flatMap(Object.entries<string>))
  for (const character of characters) shapes.set(character, shape)

/** Returns the shapes of the characters in a string. Strings that look alike have the same shapes (UTS 39, skeletons). */
export function shapesOf(text: string): string {
  // Shapes are mapped twice, so that a small capital and the letter that it looks like get the same shape.
  const characters = Array.from(text.normalize('NFKD'), (character) => Array.from(shapeOf(character), shapeOf).join(''))
  // i and j already have a dot above.
  return characters
    .join('')
    .normalize('NFKD')
    .replaceAll(/(?<=[ij])\u0307/g, '')
}

function shapeOf(character: string): string {
  return shapes.get(character) ?? character
}
