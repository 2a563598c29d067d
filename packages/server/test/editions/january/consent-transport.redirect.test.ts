import { describe, expect, it } from 'vitest'
import { consentRedirect } from '../../../src/editions/january/consent-transport.js'

const issuer = 'https://auth.example'
const denied = { error: 'access_denied', description: 'The user denied the request.' } as const

const request: Parameters<typeof consentRedirect>[0] = {
  id: 'request-1',
  edition: 'january',
  agent: 'https://agent.example',
  agentBlocked: false,
  delegate: null,
  agentJkt: 'jkt',
  resource: 'https://api.example',
  scope: 'data.read',
  redirectUri: null,
  state: 'a b&c',
  display: { agent: {}, resource: {} },
  status: 'allowed',
  revision: 0,
  browserHash: null,
  userId: null,
  codeRedeemable: true,
  extensions: 0,
  prompt: null,
  createdAt: 0,
  decidedAt: 0,
  expiresAt: 600,
}

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
