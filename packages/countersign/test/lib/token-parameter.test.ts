import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasTokenParameter, namesToken } from '../../src/lib/token-parameter.js'

// B21
describe('an access token in a query or form', () => {
  it.each([
    'access_token=x',
    'access_token',
    'x=1&access_token=y',
    'x;Access.Token=1',
    '=&&access_token',
    'access[token]=1',
    'access_token[]=1',
    'access_token[0][x]=1',
    'access%5Btoken%5D=1',
    'access_token%5B%5D=1',
    'access_token%00x=1',
    'access_token%2500x=1',
    '+access_token=1',
    '%20access_token=1',
    '_access__token_=1',
    '% access_token=1',
    '%09ACCESS%2dToken=1',
    'acce%73s+token=1',
    'access%255Ftoken=1',
    '%25%36%31ccess_token=1',
    '%%361ccess_token=1',
    '%6%31ccess_token=1',
    'a%2525252563cess_token=1',
    '%u0061ccess_token=1',
  ])('is found: %s', (encoded) => {
    expect(hasTokenParameter(encoded)).toBe(true)
  })

  it.each([
    '',
    'a=1&b=2',
    'access=1',
    'accesstoken=1',
    'access_tokens=1',
    'access_token_x=1',
    'access_code=1',
    'my_access_token=1',
    'x=access_token',
    'x=1=access_token',
    'to=https%3A%2F%2Fx%2F%3Faccess_token%3D1',
    'to=a%26access_token%3D1',
    '100%25%20off=1',
    'name=a+value&list%5Ba%5D=b%20c',
    '%E4%B8%AD=1',
    '%25=1',
  ])('is not found: %s', (encoded) => {
    expect(hasTokenParameter(encoded)).toBe(false)
  })

  it('is found in every encoding of a name that is found', () => {
    const name = fc.constantFrom('access_token', 'Access.Token', ' access-token', 'access_token[]', 'access\ttoken\0x')
    const character = fc.record({ layers: fc.nat(4), isUpper: fc.boolean() })
    fc.assert(
      fc.property(name, fc.array(character, { minLength: 16, maxLength: 16 }), (plain, ways) => {
        const encoded = Array.from(plain, (each, at) => {
          const { layers, isUpper } = ways[at] ?? { layers: 0, isUpper: false }
          const digits = each.charCodeAt(0).toString(16).padStart(2, '0')
          if (layers === 0 && /[\w.[\]-]/.test(each)) return each
          return `%${'25'.repeat(Math.max(0, layers - 1))}${isUpper ? digits.toUpperCase() : digits}`
        })
        expect(namesToken(plain)).toBe(true)
        expect(hasTokenParameter(`a=1&${encoded.join('')}=x`)).toBe(true)
      }),
    )
  })
})
