import { describe, expect, it } from 'vitest'
import {
  appUri,
  createAppSecret,
  createRecoveryCodes,
  inGroups,
  randomCode,
  readCode,
  recoveryHash,
  stepOf,
} from '../../src/sign-in/one-time-codes.js'

/** The secret of RFC 6238, appendix B. */
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

describe('a code of an authenticator app', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
  ])('at %i is the one of RFC 6238, and is of its step', (now, code) => {
    expect(stepOf(secret, code, now)).toBe(Math.floor(now / 30))
  })

  it('is accepted while it is shown and for one period before and after, to the second', () => {
    const accepted = [-31, -30, -1, 0, 29, 30, 59, 60].map((second) => stepOf(secret, '005924', 1_234_567_890 + second))
    const step = 1_234_567_890 / 30
    expect(accepted).toEqual([undefined, step, step, step, step, step, step, undefined])
  })

  it.each(['', '00592', '0005924', '5924', '005925'])('is not %j', (entered) => {
    expect(stepOf(secret, entered, 1_234_567_890)).toBeUndefined()
  })

  it('is set up with a secret of 160 bits, in a URI that names the server and the user', () => {
    const created = createAppSecret()
    expect(created).toMatch(/^[A-Z2-7]{32}$/)
    expect(createAppSecret()).not.toBe(created)
    const { protocol, host, pathname, searchParams } = new URL(appUri(secret, { server: 'Home', username: 'alice' }))
    expect([protocol, host, pathname]).toEqual(['otpauth:', 'totp', '/Home:alice'])
    const parameters = { issuer: 'Home', secret, algorithm: 'SHA1', digits: '6', period: '30' }
    expect(Object.fromEntries(searchParams)).toEqual(parameters)
  })
})

describe('a random code', () => {
  it('has as many characters as asked for, of all that no one confuses', () => {
    expect(randomCode(8)).toMatch(/^[0-9A-HJKMNP-TV-Z]{8}$/)
    expect(new Set(randomCode(5000)).size).toBe(32)
  })

  it.each([
    ['', ''],
    ['ABCD', 'ABCD'],
    ['ABCDE', 'ABCD-E'],
    ['ABCDEFGH', 'ABCD-EFGH'],
  ])('%j is shown as %j', (code, shown) => {
    expect(inGroups(code)).toBe(shown)
  })

  it('is one of ten recovery codes, whose hash depends on the user and not on how it is shown', () => {
    const created = createRecoveryCodes()
    expect(new Set(created).size).toBe(10)
    for (const code of created) expect(code).toMatch(/^(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}$/)
    const [code = ''] = created
    expect(recoveryHash('alice', code)).toBe(recoveryHash('alice', code.replaceAll('-', '')))
    expect(recoveryHash('alice', code)).not.toBe(recoveryHash('bob', code))
  })
})

it.each([
  [undefined, ''],
  ['', ''],
  [' 005 924\n', '005924'],
  ['٠٠٥٩٢٤', '005924'],
  ['۰۰۵۹۲۴', '005924'],
  ['００５９２４', '005924'],
  ['abcd-efgh', 'ABCDEFGH'],
  ['oOiIlL', '001111'],
  ['<b>', 'B'],
  [`${'-'.repeat(99)}AB`, 'A'],
])('entered as %j, a code is read as %j', (entered, code) => {
  expect(readCode(entered)).toBe(code)
})
