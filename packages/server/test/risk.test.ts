import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitsPattern } from '../dist/fits-pattern.js'
import { defaultRisks, type RiskPatterns, riskOf } from '../dist/risk.js'

describe('fitsPattern', () => {
  /** The same, told by a regular expression. */
  const expected = (text: string, pattern: string, stop: string) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[/.]/g, '\\$&'))
    return new RegExp(`^${parts.join(stop === '' ? '[^]*' : `[^${stop}]*`)}$`).test(text)
  }

  it('agrees with a regular expression, with characters that * does not stand for, too', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 10 }).map((parts) => parts.join(''))
    const patterns = fc.array(fc.constantFrom('a', 'b', '/', '.', '*'), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(letters, patterns, fc.constantFrom('', '/', '/.'), (text, pattern, stop) => {
        expect(fitsPattern(text, pattern, stop)).toBe(expected(text, pattern, stop))
      }),
      { numRuns: 20_000 },
    )
  })

  it('takes no longer for a pattern of many * than for one', () => {
    const started = performance.now()
    expect(fitsPattern('a'.repeat(5000), `${'*a'.repeat(30)}*b`)).toBe(false)
    expect(fitsPattern('a'.repeat(5000), `${'*a'.repeat(30)}*b`, '/')).toBe(false)
    expect(performance.now() - started).toBeLessThan(100)
  })
})

describe('riskOf', () => {
  it.each([
    ['data.read', 'read'],
    ['a.b.read', 'read'],
    ['.read', 'read'],
    ['data.write', 'change'],
    ['data.delete', 'delete_or_spend'],
    ['pay', 'delete_or_spend'],
    ['payments', 'delete_or_spend'],
    ['repay', 'change'],
    ['data.reader', 'change'],
    ['read', 'change'],
    ['data.READ', 'change'],
    ['', 'change'],
  ])('judges %s as %s by default', (name, risk) => {
    expect(riskOf(name, defaultRisks)).toBe(risk)
  })

  it.each([
    ['a.*.z', 'a.b.z', true],
    ['a.*.z', 'a..z', true],
    ['a.*.z', 'a.z', false],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['a*bb*b', 'abbb', true],
    ['a*bb*b', 'abb', false],
    ['*', 'anything', true],
    ['**', '', true],
    ['exact', 'exact', true],
    ['exact', 'exact.not', false],
    ['a.c', 'abc', false],
    ['(a+)+$', 'aaaa', false],
  ])('pattern %s on %s: %s', (pattern, name, fits) => {
    const patterns: RiskPatterns = [[pattern, 'read']]
    expect(riskOf(name, patterns)).toBe(fits ? 'read' : 'change')
  })

  it('lets the first pattern that fits decide', () => {
    expect(riskOf('pay.read', [['pay*', 'delete_or_spend'], ...defaultRisks])).toBe('delete_or_spend')
  })

  it('takes no time for long names and many stars', () => {
    const started = performance.now()
    riskOf('a'.repeat(5000), [[`${'a*'.repeat(500)}b`, 'read']])
    expect(performance.now() - started).toBeLessThan(100)
  })
})
