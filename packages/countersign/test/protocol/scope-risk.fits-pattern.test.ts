import { fitsPattern } from 'countersign/editions'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('fitsPattern', () => {
  /** The same match, as a regular expression. */
  const expected = (text: string, pattern: string, stop: string) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[/.]/g, '\\$&'))
    return new RegExp(`^${parts.join(stop === '' ? '[^]*' : `[^${stop}]*`)}$`).test(text)
  }

  it('agrees with a regular expression, even for characters that * does not match', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 10 }).map((parts) => parts.join(''))
    const patterns = fc.array(fc.constantFrom('a', 'b', '/', '.', '*'), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(letters, patterns, fc.constantFrom('', '/', '/.'), (text, pattern, stop) => {
        expect(fitsPattern(text, pattern, stop)).toBe(expected(text, pattern, stop))
      }),
      { numRuns: 20_000 },
    )
  })

  it('takes no longer for a pattern with many * than for one with a single *', () => {
    const started = performance.now()
    expect(fitsPattern('a'.repeat(5000), `${'*a'.repeat(30)}*b`)).toBe(false)
    expect(fitsPattern('a'.repeat(5000), `${'*a'.repeat(30)}*b`, '/')).toBe(false)
    expect(performance.now() - started).toBeLessThan(100)
  })
})
