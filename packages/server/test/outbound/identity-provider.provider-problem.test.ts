import * as oidc from 'openid-client'
import { describe, expect, it } from 'vitest'
import { ProviderUnreachable, providerProblemOf } from '../../src/outbound/identity-provider.js'

const wrapped = (cause: unknown) => new oidc.ClientError('something went wrong', { cause })

describe('a failed sign-in at a provider', () => {
  it.each([
    ['a timeout', wrapped(new ProviderUnreachable(new DOMException('late', 'TimeoutError'))), 'TimeoutError'],
    ['an unreadable key', wrapped(new DOMException('a missing key', 'DataError')), 'DataError'],
  ])('is the provider’s fault: %s', (_claim, error, reason) => {
    expect(providerProblemOf(error)).toEqual({ problem: 'provider_failed', reason })
  })

  it.each([
    ['a TypeError', new TypeError('undefined is not a function')],
    ['a RangeError that the library wrapped', wrapped(new RangeError('too long'))],
    ['a value that is not an error', 'text'],
  ])('is a bug: %s', (_claim, error) => {
    expect(providerProblemOf(error)).toBeUndefined()
  })
})
