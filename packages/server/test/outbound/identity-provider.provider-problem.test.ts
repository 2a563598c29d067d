import * as oidc from 'openid-client'
import { describe, expect, it } from 'vitest'
import { openIdentityProvider, ProviderUnreachable, providerProblemOf } from '../../src/outbound/identity-provider.js'

const wrapped = (cause: unknown) => new oidc.ClientError('something went wrong', { cause })

describe('a failed sign-in at a provider', () => {
  it.each([
    ['a timeout', wrapped(new ProviderUnreachable(new DOMException('late', 'TimeoutError'))), 'TimeoutError'],
    ['an unreadable key', wrapped(new DOMException('a missing key', 'DataError')), 'DataError'],
  ])('is the provider’s fault: %s', async (_claim, error, reason) => {
    expect(await providerProblemOf(error)).toEqual({ problem: 'provider_failed', reason })
  })

  it.each([
    ['a TypeError', new TypeError('undefined is not a function')],
    ['a RangeError that the library wrapped', wrapped(new RangeError('too long'))],
    ['a value that is not an error', 'text'],
  ])('is a bug: %s', async (_claim, error) => {
    expect(await providerProblemOf(error)).toBeUndefined()
  })
})

const withCode = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code })
const nested = (depth: number): Error =>
  depth === 0 ? withCode('EDEEP') : new Error('outer', { cause: nested(depth - 1) })

it.each<[string, unknown, object | undefined]>([
  ['a cause without a code', wrapped(new ProviderUnreachable(new Error('x'))), { reason: 'unreachable' }],
  ['a cause with a code', wrapped(new ProviderUnreachable(withCode('ECONNREFUSED'))), { reason: 'ECONNREFUSED' }],
  ['several causes', wrapped(new ProviderUnreachable(withCode('EOUTER', withCode('EINNER')))), { reason: 'EINNER' }],
  ['the fifth cause', wrapped(new ProviderUnreachable(nested(4))), { reason: 'EDEEP' }],
  ['the sixth cause', wrapped(new ProviderUnreachable(nested(5))), { reason: 'unreachable' }],
  [
    'a cause whose code is a number',
    wrapped(new ProviderUnreachable(Object.assign(new Error('x'), { code: 7 }))),
    { reason: 'unreachable' },
  ],
  ['no error at all', wrapped(new ProviderUnreachable('x')), { reason: 'unreachable' }],
  [
    'an error with a code of the library',
    Object.assign(new oidc.ClientError('x'), { code: 'OAUTH_X' }),
    { reason: 'OAUTH_X' },
  ],
  ['an error of the library without a code', new oidc.ClientError('x'), undefined],
])('the operator learns the innermost reason of %s', async (_claim, error, expected) => {
  expect(await providerProblemOf(error)).toEqual(expected && { problem: 'provider_failed', ...expected })
})

const provider = { id: 'home', name: 'Home', issuer: 'https://id.example', clientId: 'c', clientSecret: 's' }

it.each([
  [{}, undefined],
  [{ allowInsecureLoopback: true, issuer: 'http://127.0.0.1:4000/oidc' }, undefined],
  [{ issuer: 'id.example' }, 'the issuer of home must be a URL'],
  [{ allowInsecureLoopback: true }, 'the allowInsecureLoopback option of home is for development'],
])('a provider with %j is opened, or refused with a reason', (changes, message) => {
  const opened = () => openIdentityProvider({ ...provider, ...changes }, 'https://auth.example', {})
  if (message) expect(opened).toThrow(message)
  else expect(opened()).toMatchObject({ name: 'Home', issuer: { ...provider, ...changes }.issuer })
})
