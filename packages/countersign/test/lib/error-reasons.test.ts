import { causeMessages, isUntrustedCertificate } from 'countersign/discovery'
import { expect, it } from 'vitest'

it('returns the messages of the causes from outermost to innermost, each once, or their codes if they are empty', () => {
  const cause = new TypeError('fetch failed', {
    cause: {
      reason: 'unreachable',
      message: 'fetch failed',
      cause: Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
    },
  })
  expect(causeMessages(new Error('the outermost', { cause }))).toEqual(['fetch failed', 'ECONNREFUSED'])
  expect(causeMessages(new Error('x', { cause: 'a text' }))).toEqual(['a text'])
  expect(causeMessages(new Error('x', { cause: null }))).toEqual(['null'])
  expect(causeMessages(new Error('without a cause'))).toEqual([])
})

it('stops at a circular cause', () => {
  const circle = new Error('round')
  circle.cause = circle
  expect(causeMessages(circle)).toEqual(['round'])
})

it('returns at most five reasons', () => {
  const chain = [1, 2, 3, 4, 5, 6].reduceRight<Error | undefined>(
    (cause, depth) => new Error(`${depth}`, { cause }),
    undefined,
  )
  expect(causeMessages(new Error('0', { cause: chain }))).toEqual(['1', '2', '3', '4', '5'])
})

it.each<[unknown, boolean]>([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  ['UNABLE_TO_GET_ISSUER_CERT', true],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', true],
  ['SELF_SIGNED_CERT_IN_CHAIN', true],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', true],
  ['CERT_HAS_EXPIRED', false],
  ['ECONNREFUSED', false],
  [undefined, false],
])('an error with the code %s means that a certificate is not trusted: %s', (code, expected) => {
  expect(isUntrustedCertificate(Object.assign(new Error('x'), { code }))).toBe(expected)
  expect(isUntrustedCertificate({ code })).toBe(false)
  expect(isUntrustedCertificate(new Error(String(code)))).toBe(false)
})
