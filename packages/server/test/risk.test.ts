import { describe, expect, it } from 'vitest'
import { defaultRisks, type RiskPatterns, riskOf } from '../dist/risk.js'

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
