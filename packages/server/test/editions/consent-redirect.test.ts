import { redirectHost } from 'countersign/editions'
import { describe, expect, it } from 'vitest'
import { consentRedirect, isOnOwnHost } from '../../src/editions/consent-redirect.js'

const issuer = 'https://auth.example'
const denied = { error: 'access_denied', description: 'The user denied the request.' } as const

const request = { redirectUri: null, state: 'a b&c' }

describe('consentRedirect', () => {
  it.each([
    ['https://agent.example/cb', 'https://agent.example/cb?'],
    ['https://agent.example', 'https://agent.example/?'],
    ['http://127.0.0.1:49152/cb', 'http://127.0.0.1:49152/cb?'],
    ['com.example.app:/cb', 'com.example.app:/cb?'],
    ['https://agent.example/cb?', 'https://agent.example/cb?'],
    ['https://agent.example/cb?x=a%20b&t=~c&x=2', 'https://agent.example/cb?x=a%20b&t=~c&x=2&'],
  ])('appends the response to %s, and keeps its query unchanged (RFC 6749 §4.1.2)', (redirectUri, before) => {
    expect(consentRedirect({ ...request, redirectUri }, issuer, { code: 'aacd_1' })).toBe(
      `${before}code=aacd_1&state=a+b%26c&iss=https%3A%2F%2Fauth.example`,
    )
    expect(consentRedirect({ ...request, redirectUri, state: null }, issuer, denied)).toBe(
      `${before}error=access_denied&iss=https%3A%2F%2Fauth.example&error_description=The+user+denied+the+request.`,
    )
  })

  it('omits parameters of the agent’s own query that have the name of a response parameter', () => {
    const redirectUri = 'https://agent.example/cb?code=mine&%73tate=mine&iss=mine&x'
    expect(consentRedirect({ ...request, redirectUri }, issuer, { code: 'aacd_1' })).toBe(
      'https://agent.example/cb?x&code=aacd_1&state=a+b%26c&iss=https%3A%2F%2Fauth.example',
    )
  })

  it('rejects a request without a redirect URI', () => {
    expect(() => consentRedirect(request, issuer, { code: 'aacd_1' })).toThrow(TypeError)
  })
})

it.each([
  ['https on the agent’s own host', 'https://agent.example/callback', true],
  ['another port', 'https://agent.example:8443/callback', false],
  ['another host', 'https://other.example/callback', false],
  ['loopback', 'http://127.0.0.1:8001/callback', false],
  ['an app', 'example.agent:/callback', false],
  ['no redirect', null, false],
])('whether %s reaches only the agent', (_, redirectUri, outcome) => {
  expect(isOnOwnHost({ agent: 'https://agent.example', redirectUri })).toBe(outcome)
})

it.each(['localhost', 'localhost:8443', 'app.localhost', '127.0.0.1:8443', '[::1]'])(
  'https at %s reaches programs on the device, also for an agent there (B15)',
  (host) => {
    expect(isOnOwnHost({ agent: `https://${host}`, redirectUri: `https://${host}/callback` })).toBe(false)
  },
)

it.each(['localhost.example', '127.0.0.1.example', 'mylocalhost.example'])('%s is a web host', (host) => {
  expect(isOnOwnHost({ agent: `https://${host}`, redirectUri: `https://${host}/callback` })).toBe(true)
})

it.each([
  ['https://agent.example:8443/callback', 'agent.example:8443'],
  ['http://127.0.0.1:53123/callback', '127.0.0.1'],
  ['http://[::1]:53123/callback', '[::1]'],
  ['example.agent:/callback', 'example.agent:'],
])('the host of %s is %s', (redirectUri, host) => {
  expect(redirectHost(redirectUri)).toBe(host)
})
