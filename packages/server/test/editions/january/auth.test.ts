import { describe, expect, it } from 'vitest'
import { requireListedRedirect } from '../../../src/editions/january/auth.js'

const agent = 'https://agent.example'

function isAccepted(redirectUri: string, listed: string[] | undefined, optional: readonly string[] = []): boolean {
  const metadata = { agent, jwks_uri: `${agent}/jwks.json`, ...(listed ? { redirect_uris: listed } : {}) }
  try {
    requireListedRedirect(redirectUri, metadata, optional)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'redirect_uri_not_listed', status: 400 })
    return false
  }
}

describe('requireListedRedirect', () => {
  it.each([
    ['https://agent.example/cb', ['https://agent.example/cb']],
    ['https://agent.example/cb?x=1', ['https://agent.example/cb?x=1']],
    ['https://hub.example/cb', ['https://other.example/', 'https://hub.example/cb']],
    ['http://127.0.0.1:49152/cb', ['http://127.0.0.1/cb']],
    ['http://127.0.0.1:49152/cb', ['http://127.0.0.1:49152/cb']],
    ['http://[::1]:49152/cb', ['http://[::1]/cb']],
    ['http://localhost:1/cb', ['http://localhost/cb']],
    ['http://127.0.0.1:49152', ['http://127.0.0.1']],
    ['http://localhost:49152', ['http://localhost']],
    ['http://[::1]:49152', ['http://[::1]']],
    ['http://127.0.0.1:49152?x=1', ['http://127.0.0.1?x=1']],
    ['http://127.0.0.1:49152/cb?x=1', ['http://127.0.0.1/cb?x=1']],
    ['com.example.app:/cb', ['com.example.app:/cb']],
  ])('accepts %s when %j is listed', (uri, listed) => {
    expect(isAccepted(uri, listed)).toBe(true)
  })

  it.each([
    ['https://agent.example/cb/', ['https://agent.example/cb']],
    ['https://agent.example:443/cb', ['https://agent.example/cb']],
    ['https://agent.example:8443/cb', ['https://agent.example/cb']],
    ['http://127.0.0.1:49152/cb', ['http://127.0.0.1:8000/cb']],
    ['http://127.0.0.1:49152/other', ['http://127.0.0.1/cb']],
    ['http://127.0.0.2:49152/cb', ['http://127.0.0.1/cb']],
    ['http://localhost:49152/cb', ['http://127.0.0.1/cb']],
    ['https://127.0.0.1:49152/cb', ['http://127.0.0.1/cb']],
    ['http://127.0.0.1.evil.example:49152/cb', ['http://127.0.0.1/cb']],
    ['http://127.0.0.1:49152@evil.example/cb', ['http://127.0.0.1/cb']],
    ['http://127.0.0.1:49152', ['http://127.0.0.1/']],
    ['http://127.0.0.1:49152/', ['http://127.0.0.1']],
    ['http://127.0.0.1:49152?x=2', ['http://127.0.0.1?x=1']],
    ['http://127.0.0.1:49152.evil.example', ['http://127.0.0.1']],
    ['http://127.0.0.1:491520', ['http://127.0.0.1']],
    ['https://agent.example/cb', []],
    ['https://agent.example/cb', undefined],
  ])('rejects %s when %j is listed', (uri, listed) => {
    expect(isAccepted(uri, listed)).toBe(false)
  })

  it.each([
    'https://agent.example/cb#x',
    'https://user@agent.example/cb',
    'http://agent.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'myapp:/cb',
    'com.example.app:cb',
    '/cb',
    '',
    `https://agent.example/${'x'.repeat(2048)}`,
    'https://agent.example/a b',
    'https://agent.example/ä',
  ])('rejects %s even when it is listed', (uri) => {
    expect(isAccepted(uri, [uri])).toBe(false)
  })

  it('accepts the agent’s own origin, and nothing else, if a configured agent lists no redirect URIs', () => {
    expect(isAccepted('https://agent.example/any', undefined, [agent])).toBe(true)
    expect(isAccepted('https://agent.example:8443/any', undefined, [agent])).toBe(false)
    expect(isAccepted('https://evil.example/any', undefined, [agent])).toBe(false)
    expect(isAccepted('https://agent.example/any', ['https://agent.example/cb'], [agent])).toBe(false)
    expect(isAccepted('https://agent.example/any', undefined, ['https://other.example'])).toBe(false)
  })

  const ambiguous = [
    'code=1',
    'x=1&code',
    'state=1',
    'iss=https://auth.example',
    'error=access_denied',
    'error_description=x',
    'error_uri=x',
    '%63ode=1',
    'Code=1',
    'STATE=1',
    'code[]=1',
    'state[x]=1',
    'x=1;code=2',
    '%20code=1',
    '+code=1',
    '&&iss=1',
  ]
  it.each(ambiguous)('rejects a listed URI whose query has a response parameter: ?%s', (query) => {
    const loopback = `http://127.0.0.1:49152?${query}`
    for (const [uri, listed] of [
      [`https://agent.example/cb?${query}`, [`https://agent.example/cb?${query}`]],
      [`https://agent.example/cb?${query}`, undefined],
      [`com.example.app:/cb?${query}`, [`com.example.app:/cb?${query}`]],
      [loopback, [loopback]],
      [loopback, [loopback.replace(':49152', '')]],
    ] as const) {
      const metadata = { agent, jwks_uri: `${agent}/jwks.json`, ...(listed ? { redirect_uris: [...listed] } : {}) }
      expect(() => requireListedRedirect(uri, metadata, [agent])).toThrow(
        expect.objectContaining({ code: 'redirect_uri_ambiguous', status: 400 }),
      )
    }
  })

  it.each(['codes=1', 'mycode=1', 'statement=1', 'x=code', 'issuer=1', 'errors=1', 'q=state', 'x[code]=1'])(
    'accepts a listed URI whose parameters only resemble response parameters: ?%s',
    (query) => {
      expect(isAccepted(`https://agent.example/cb?${query}`, [`https://agent.example/cb?${query}`])).toBe(true)
    },
  )
})
