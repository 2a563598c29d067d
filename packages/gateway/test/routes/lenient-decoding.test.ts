import { describe, expect, it } from 'vitest'
import { parameterLayers, parameterName, unescaped } from '../../src/routes/lenient-decoding.js'

describe('the layers of an encoded name', () => {
  it.each([
    ['a', ['a']],
    ['a+b', ['a b']],
    ['%61', ['a']],
    ['%2561', ['%61', 'a']],
    ['%252561', ['%2561', '%61', 'a']],
    ['%25252561', ['%252561', '%2561', '%61']],
    ['a+%61', ['a a']],
    ['100%', ['100%']],
    ['%zz%61', ['%zza']],
    ['%%61', ['%a']],
    ['%u0061', ['a']],
    ['%u005F%5f', ['__']],
    ['%uff41', ['a']],
    ['%u00', ['%u00']],
    ['%4', ['%4']],
    ['%C3%A9', ['Ã©']],
    ['%@@', ['%@@']],
    ['%`g%G0', ['%`g%G0']],
    ['%0:%/0', ['%0:%/0']],
  ])('%s: %j', (encoded, layers) => {
    expect(parameterLayers(encoded)).toEqual(layers)
    expect(parameterName(encoded)).toBe(layers.at(-1))
  })
})

it.each([
  ['a', 'a'],
  [String.raw`\u0061`, 'a'],
  [String.raw`\U0061b`, 'ab'],
  [String.raw`\x61b`, 'ab'],
  [String.raw`\X61`, 'a'],
  [String.raw`\u006`, 'u006'],
  [String.raw`\xg1`, 'xg1'],
  [String.raw`\n\r\t\b\f`, '\n\r\t \f'],
  [String.raw`\"\\\/`, '"\\/'],
  [String.raw`\_me\thod`, '_me\thod'],
  [String.raw`\ta\"1\_b`, '\ta"1_b'],
  ['a\\', 'a'],
  [String.raw`x\u0061\u0062y`, 'xaby'],
])('without escapes, %s is %j', (raw, text) => {
  expect(unescaped(raw)).toBe(text)
})
