import * as oidc from 'openid-client'
import { describe, expect, it } from 'vitest'
import { ProviderUnreachable, providerProblemOf } from '../../src/outbound/identity-provider.js'

const wrapped = (cause: unknown) => new oidc.ClientError('something went wrong', { cause })

describe('what ended a sign-in at a provider', () => {
  it.each([
    ['a time-out', wrapped(new ProviderUnreachable(new DOMException('late', 'TimeoutError'))), 'TimeoutError'],
    ['a key that cannot be read', wrapped(new DOMException('no key', 'DataError')), 'DataError'],
  ])('is the provider’s doing: %s', (_claim, error, reason) => {
    expect(providerProblemOf(error)).toEqual({ problem: 'provider_failed', reason })
  })

  it.each([
    ['a TypeError', new TypeError('undefined is not a function')],
    ['a RangeError that the library wrapped', wrapped(new RangeError('too long'))],
    ['what is no error', 'text'],
  ])('is a bug: %s', (_claim, error) => {
    expect(providerProblemOf(error)).toBeUndefined()
  })
})
