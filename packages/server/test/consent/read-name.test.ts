import { expect, it } from 'vitest'
import { beginsIn, foldLookAlikes, readName, standsIn } from '../../src/consent/read-name.js'

it.each(
  Object.entries({
    a: '4∂卂',
    b: '8ᗷ乃',
    c: 'ᑕ匚',
    d: 'ᗪđ',
    e: '3ᗴ乇',
    f: 'ᖴ千',
    g: '69ᘜ',
    h: 'ᕼ卄',
    j: 'ᒍ',
    k: 'ҡҜʞ',
    l: '1iIᒪㄥ丨',
    m: 'ᗰ爪',
    n: 'ᑎ几',
    o: '0⊙◯○',
    oo: 'ꙮ',
    p: 'ᑭ卩',
    q: 'ᑫɊ',
    r: 'ᖇ尺',
    s: '5ᔕ丂',
    t: '7ㄒʇ',
    u: 'ᑌㄩ',
    v: 'ᐯ√',
    w: '山ฬ',
    x: '᙭乂',
    y: 'ㄚʎ',
    z: '2ᘔ乙',
  }),
)('can be mistaken for %s: each of %s', (letter, characters) => {
  for (const character of characters) expect(foldLookAlikes(character), character).toBe(letter)
})

it.each([
  ['ة', 'ه'],
  ['ى', 'ي'],
  ['ی', 'ي'],
  ['ک', 'ك'],
  ['ٱ', 'ا'],
  ['ؤ', 'و'],
  ['ئ', 'ي'],
  ['جـوجل', 'جوجل'],
])('reads the Arabic %s like %s', (one, other) => {
  expect(foldLookAlikes(one)).toBe(foldLookAlikes(other))
})

it.each([
  ['🇦', 'a'],
  ['🇿', 'z'],
  ['🅰', 'a'],
  ['🆉', 'z'],
  ['🅐', 'a'],
  ['🅩', 'z'],
  ['🄰', 'a'],
  ['🅉', 'z'],
])('reads the drawn letter %s as %s', (drawn, letter) => {
  expect(foldLookAlikes(drawn)).toBe(letter)
})

it.each([
  ['corner', 'comer'],
  ['vvork', 'work'],
  ['G()[]gle', 'google'],
  ['l!nk', 'link'],
  ['GitHub', 'github'],
  ['Ω', 'ω'],
])('%s is read like %s', (one, other) => {
  expect(readName(one).letters).toBe(readName(other).letters)
})

it('finds words only where words begin and end', () => {
  const name = readName('myHome Assistant2')
  expect(standsIn(name, foldLookAlikes('home'))).toBe(true)
  expect(standsIn(name, foldLookAlikes('assistant'))).toBe(true)
  expect(standsIn(name, foldLookAlikes('assist'))).toBe(false)
  expect(beginsIn(name, foldLookAlikes('assist'))).toBe(true)
  expect(beginsIn(name, foldLookAlikes('sist'))).toBe(false)
})

it('reads up to 253 characters', () => {
  expect(readName('a'.repeat(300)).letters).toHaveLength(253)
  // Three letters after compatibility decomposition.
  expect(readName('\ufb03'.repeat(200)).letters).toHaveLength(253)
})

it('knows which characters are symbols, each of which can stand for any letter', () => {
  expect([...readName('a★b').symbols]).toEqual([1])
  expect([...readName('a@b').symbols]).toEqual([1])
  expect([...readName('a5b').symbols]).toEqual([])
})

it.each([
  ['rn', 'm'],
  ['VV', 'w'],
  ['é', 'e'],
  ['ﬁ', foldLookAlikes('fi')],
  // The code point after the last drawn letter.
  ['\u{1f18a}', '\u{1f18a}'],
])('folds %s to %s', (text, folded) => {
  expect(foldLookAlikes(text)).toBe(folded)
})

it('reads at most 253 characters, each as one unit', () => {
  expect(readName('a'.repeat(300)).letters).toHaveLength(253)
  expect(readName('ﷺ'.repeat(250)).letters.length).toBeLessThanOrEqual(253)
  expect(readName('a😀b')).toEqual({ letters: 'a\ufffdb', symbols: new Set([1]), boundaries: new Set([0, 1, 2, 3]) })
  expect(readName('<>^')).toEqual({ letters: 'o', symbols: new Set([0]), boundaries: new Set([0, 1]) })
  expect(readName('--')).toEqual({ letters: '', symbols: new Set(), boundaries: new Set([0]) })
})
