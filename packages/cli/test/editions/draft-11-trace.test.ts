import { describe, expect, it } from 'vitest'
import { draft11Trace } from '../../src/editions/draft-11-trace.js'

describe('the trace of draft -11', () => {
  it.each([
    ['requirement=person-token', /gets a person token/],
    ['requirement=auth-token;resource-token="a.b.c"', /exchanges the resource token/],
    ['requirement=interaction;url="https://ps.example/i";code="AB"', /opens url\?code=/],
    ['requirement=a-new-kind', /not defined/],
    ['requirement', /malformed/],
  ])('describes AAuth-Requirement: %s', (value, description) => {
    expect(draft11Trace.describeHeader('aauth-requirement', value, 401)).toMatch(description)
  })

  it('describes polling, and no other Location', () => {
    expect(draft11Trace.describeHeader('location', 'https://ps.example/p', 202)).toBe('The agent polls this URL.')
    expect(draft11Trace.describeHeader('location', 'https://ps.example/p', 303)).toBeUndefined()
    expect(draft11Trace.describeHeader('prefer', 'wait=20', undefined)).toContain('may wait')
  })

  it('shortens tokens and encrypted values', () => {
    const token = `eyJ${'a'.repeat(40)}.eyJ${'b'.repeat(40)}.${'c'.repeat(86)}`
    expect(draft11Trace.shortenLine(`sig=jwt;jwt="${token}"`)).toBe(`sig=jwt;jwt="eyJ${'a'.repeat(17)}..."`)
    expect(draft11Trace.shortenLine(`/interact?request=${'d'.repeat(90)} HTTP`)).toBe(
      '/interact?request=dddddddddddd... HTTP',
    )
  })
})
