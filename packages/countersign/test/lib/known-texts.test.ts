import { expect, it } from 'vitest'
import { KnownTexts } from '../../dist/lib/known-texts.js'

it('knows what it was told, up to its limit, and then starts anew', () => {
  const known = new KnownTexts<number>(3)
  for (const [index, text] of ['a', 'b', 'c'].entries()) known.set(text, index)
  expect([known.get('a'), known.get('b'), known.get('c'), known.get('d'), known.size]).toEqual([0, 1, 2, undefined, 3])
  known.set('d', 3)
  expect([known.get('a'), known.get('b'), known.get('c'), known.get('d'), known.size]).toEqual([
    undefined,
    undefined,
    undefined,
    3,
    1,
  ])
})

it('never holds more than its limit, however many texts come once', () => {
  const known = new KnownTexts<true>(8)
  for (let i = 0; i < 1000; i++) {
    known.set(`text ${i}`, true)
    expect(known.size).toBeLessThanOrEqual(8)
  }
})

it('keys that every object has are unknown', () => {
  expect(new KnownTexts<true>(2).get('__proto__')).toBeUndefined()
})
