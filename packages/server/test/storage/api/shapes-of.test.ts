import { expect, it } from 'vitest'
import { shapesOf } from '../../../src/storage/api/shapes-of.js'

it.each(
  Object.entries({
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
    l: 'ʟᏆ\u04cf',
    m: 'ᴍʍ',
    n: 'ɴ',
    p: 'ᴘ',
    q: 'ꞯ',
    r: 'ʀ',
    t: 'ᴛ',
    u: 'ᴜ',
    w: 'ᴡ',
    y: 'ʏ',
  }),
)('%s has the same shape as each of %s', (letter, characters) => {
  for (const character of characters) expect(shapesOf(character), character).toBe(shapesOf(letter))
})
