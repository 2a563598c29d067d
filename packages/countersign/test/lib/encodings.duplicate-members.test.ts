import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasDuplicateMembers } from '../../src/lib/encodings.js'

describe('hasDuplicateMembers', () => {
  const isDuplicate = (text: string) => hasDuplicateMembers(text, JSON.parse(text))

  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"a":{"b":1,"b":2}}',
    '[{"a":1},{"a":1,"a":2}]',
    '{"a":[[[{"b":1,"b":1}]]]}',
    '{"a" :1,"a" :2}',
    '{"a"\t:1,"a"\n:2}',
    '{"a":1,"\\u0061":2}',
    '{"a":":","a":"b"}',
    '{"a":"\\":","a":1}',
    '{"a":"\\\\","a":1}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
  ])('%s contains a duplicate', (text) => {
    expect(isDuplicate(text)).toBe(true)
  })

  it.each([
    '{}',
    '[]',
    '1',
    'null',
    '"a:b"',
    '{"a":1}',
    '{"a":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"x\\":1,\\"a\\":2"}',
    '{"a":"\\":","b":"\\":"}',
    '{"a":"::::","b":":"}',
    '{"a":"\\\\\\":","b":1}',
    '{"a" : 1, "b" : {"a" : 2}}',
    '{"a":"\\":1","b" :1}',
    '{"\\"":1,"\\"\\"":2}',
  ])('%s contains no duplicate', (text) => {
    expect(isDuplicate(text)).toBe(false)
  })

  const blank = fc.constantFrom('', ' ', '\t', '\n', '\r\n')
  const text = fc.string({ unit: fc.constantFrom('a', ':', '"', '\\', ',', '{', '}', ' '), maxLength: 6 })

  /** JSON text with arbitrary whitespace, and whether an object in it has a duplicate member. */
  const document: fc.Arbitrary<{ text: string; twice: boolean }> = fc.letrec<{
    value: { text: string; twice: boolean }
  }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text.map((value) => ({ text: JSON.stringify(value), twice: false })),
      fc.integer().map((value) => ({ text: String(value), twice: false })),
      fc.array(tie('value'), { maxLength: 3 }).map((items) => ({
        text: `[${items.map((item) => item.text).join(',')}]`,
        twice: items.some(({ twice }) => twice),
      })),
      fc.array(fc.tuple(text, blank, blank, tie('value')), { maxLength: 4 }).map((members) => ({
        text: `{${members.map(([name, before, after, item]) => `${JSON.stringify(name) + before}:${after}${item.text}`).join(',')}}`,
        twice:
          new Set(members.map(([name]) => name)).size < members.length || members.some(([, , , item]) => item.twice),
      })),
    ),
  })).value

  it('agrees with a count of the names in each object', () => {
    // A duplicate member hides its first value, so only the last object is traversed.
    fc.assert(
      fc.property(document, ({ text: json, twice }) => {
        expect(isDuplicate(json)).toBe(twice)
      }),
      { numRuns: 2000 },
    )
  })
})
