import { serializeBase64, serializeBase64url } from 'countersign/signatures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBase64, parseBase64url, parseUtf8, utf8 } from '../../src/lib/encodings.js'

const bytes = fc.uint8Array({ maxLength: 70 })

describe('base64url and base64', () => {
  it('write the same as Node, and read it back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(serializeBase64url(value)).toBe(Buffer.from(value).toString('base64url'))
        expect(serializeBase64(value)).toBe(Buffer.from(value).toString('base64'))
        expect(parseBase64url(serializeBase64url(value))).toEqual(value)
        expect(parseBase64(serializeBase64(value))).toEqual(value)
      }),
    )
  })

  it('accept only the canonical encoding of the bytes', () => {
    const text = fc.string({ maxLength: 9, unit: fc.constantFrom(...'ABQgwxyz0189+/-_= \n'.split('')) })
    fc.assert(
      fc.property(text, (candidate) => {
        const fromUrl = parseBase64url(candidate)
        const fromPlain = parseBase64(candidate)
        expect(fromUrl !== undefined).toBe(Buffer.from(candidate, 'base64url').toString('base64url') === candidate)
        expect(fromPlain !== undefined).toBe(Buffer.from(candidate, 'base64').toString('base64') === candidate)
      }),
      { numRuns: 5000 },
    )
  })

  it('decode short texts without leftovers of longer ones', () => {
    const textOf = (encoded: string) => {
      const decoded = parseBase64url(encoded)
      return decoded && parseUtf8(decoded)
    }
    const long = 'a'.repeat(9000)
    for (const text of [long, 'grüße €', '', 'b', long, 'c']) {
      expect(textOf(serializeBase64url(utf8(text)))).toBe(text)
    }
    expect(textOf(serializeBase64url(Uint8Array.of(0x80)))).toBeUndefined()
    expect(textOf('YQ=')).toBeUndefined()
  })

  it('encode 100 KiB', () => {
    const long = new Uint8Array(102_400).fill(7)
    expect(parseBase64url(serializeBase64url(long))).toEqual(long)
  })
})

describe('parseUtf8', () => {
  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a truncated sequence', [0xe2, 0x82]],
  ])('returns undefined for %s', (_name, value) => {
    expect(parseUtf8(Uint8Array.from(value))).toBeUndefined()
  })

  it('reads text back', () => {
    expect(parseUtf8(utf8('grüße €'))).toBe('grüße €')
  })
})
