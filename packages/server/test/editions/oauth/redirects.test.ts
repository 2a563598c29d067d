import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { isAppRedirect, isUsableRedirect, requireRedirect } from '../../../src/editions/oauth/redirects.js'

const listed = 'https://client.example/callback'
const issuer = 'https://auth.example'
const mismatch = expect.objectContaining({ code: 'redirect_mismatch' })

describe('a redirect URI that a client lists', () => {
  it.each([
    'https://client.example/callback',
    'https://client.example',
    'https://client.example:8443/callback?flow=1',
    'https://claude.ai/api/mcp/auth_callback',
    'https://vscode.dev/redirect',
    'https://localhost/callback',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:33418/',
    'http://127.0.0.1:80/',
    'http://[::1]:9/callback',
    'http://localhost',
    'http://localhost:6274/oauth/callback?x=%2e',
    `https://client.example/callback?${'a&'.repeat(19)}a`,
  ])('is usable: %s', (uri) => {
    expect(isUsableRedirect(uri)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['http to another host', 'http://client.example/callback'],
    ['http to a host below localhost', 'http://localhost.evil.example/callback'],
    ['http to a subdomain of localhost', 'http://a.localhost/callback'],
    ['a private-use scheme', 'com.example.app:/callback'],
    ['a short private scheme', 'cursor://anysphere.cursor-mcp/oauth/callback'],
    ['javascript', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['a fragment', 'https://client.example/callback#'],
    ['user information', 'https://client.example@evil.example/callback'],
    ['empty user information', 'https://@evil.example/callback'],
    ['loopback as user information', 'http://127.0.0.1@evil.example/callback'],
    ['user information at loopback', 'http://evil.example@127.0.0.1/callback'],
    ['its own code', 'https://client.example/callback?code=1'],
    ['its own state, in capitals', 'https://client.example/callback?State=1'],
    ['its own iss, encoded', 'https://client.example/callback?%69ss=1'],
    ['its own error', 'http://127.0.0.1/callback?error=1'],
    ['its own error_description', 'https://client.example/callback?a=1&error_description=1'],
    ['more than 20 parameters', `https://client.example/callback?${'a&'.repeat(20)}a`],
    ['more than 20 parameters, in part separated by semicolons', `http://127.0.0.1/?${'a;b&'.repeat(10)}a`],
    ['a backslash in the authority', 'https://client.example\\@evil.example/callback'],
    ['backslashes for slashes', 'https:\\\\client.example/callback'],
    ['a dot segment', 'https://client.example/a/../callback'],
    ['an encoded dot segment', 'https://client.example/%2e%2E/callback'],
    ['a dot segment at loopback', 'http://127.0.0.1/../callback'],
    ['a host in capitals', 'https://CLIENT.example/callback'],
    ['a scheme in capitals', 'HTTPS://client.example/callback'],
    ['a trailing dot', 'https://client.example./callback'],
    ['a trailing dot after localhost', 'http://localhost./callback'],
    ['the default port', 'https://client.example:443/callback'],
    ['a decimal address', 'http://2130706433/callback'],
    ['a hexadecimal address', 'http://0x7f000001/callback'],
    ['a short address', 'http://127.1/callback'],
    ['another loopback address', 'http://127.0.0.2/callback'],
    ['any local address', 'http://0.0.0.0/callback'],
    ['a long IPv6 form', 'http://[0:0:0:0:0:0:0:1]/callback'],
    ['a mapped IPv6 address', 'http://[::ffff:127.0.0.1]/callback'],
    ['an empty port', 'http://127.0.0.1:/callback'],
    ['a port with leading zeros', 'http://127.0.0.1:0080/callback'],
    ['a port that does not exist', 'http://127.0.0.1:65536/callback'],
    ['an https address', 'https://192.0.2.1/callback'],
    ['letters that look like others', 'https://clіent.example/callback'],
    ['a line break', 'https://client.example/callback\n'],
    ['a space', ' https://client.example/callback'],
    ['no host', 'https:///callback'],
    ['a relative URL', '/callback'],
    ['nothing', ''],
    ['a number', 7],
    ['more than 2048 characters', `https://client.example/${'a'.repeat(2048)}`],
  ])('is ignored with %s', (_case, uri) => {
    expect(isUsableRedirect(uri)).toBe(false)
  })
})

describe('a redirect URI of an app, which the operator lists', () => {
  it.each([
    'com.example.app:/callback',
    'cursor://anysphere.cursor-mcp/oauth/callback?flow=1',
    `a+b.c-1:/${'a'.repeat(2048 - 9)}`,
    `editor:/callback?${'a&'.repeat(19)}a`,
  ])('is accepted: %s', (uri) => {
    expect(isAppRedirect(uri)).toBe(true)
    expect(requireRedirect(uri, [uri], issuer)).toBe(uri)
  })

  it.each<[string, string]>([
    ['https', 'https://client.example/callback'],
    ['http', 'http://127.0.0.1/callback'],
    ['a scheme that a browser interprets', 'filesystem:/callback'],
    ['a script', 'javascript:/alert(1)'],
    ['data', 'data:/text/html,x'],
    ['a blob', 'blob:/x'],
    ['the source of a page', 'view-source:/callback'],
    ['a WebSocket', 'wss://client.example/callback'],
    ['a scheme in capitals', 'Editor:/callback'],
    ['a scheme that starts with a digit', '1editor:/callback'],
    ['no slash after the scheme', 'editor:callback'],
    ['no path', 'editor:/'],
    ['a relative URL', '/callback'],
    ['a fragment', 'editor:/callback#x'],
    ['a host that is not one', 'editor://[/callback'],
    ['a space', 'editor:/call back'],
    ['a line break', 'editor:/callback\n'],
    ['letters beyond ASCII', 'editor:/сallback'],
    ['a dot segment', 'editor:/a/../callback'],
    ['a username', 'editor://user@app/callback'],
    ['a password', 'editor://:secret@app/callback'],
    ['its own code', 'editor:/callback?code=1'],
    ['more than 20 parameters', `editor:/callback?${'a&'.repeat(20)}a`],
    ['more than 2048 characters', `editor:/${'a'.repeat(2049 - 8)}`],
  ])('is refused with %s', (_case, uri) => {
    expect(isAppRedirect(uri)).toBe(false)
  })
})

it.each('http https ws wss ftp file filesystem blob data javascript vbscript about view-source'.split(' '))(
  'the scheme %s, which browsers interpret themselves, is no app’s',
  (scheme) => {
    for (const rest of ['/callback', '//app.example/callback']) expect(isAppRedirect(`${scheme}:${rest}`)).toBe(false)
    expect(isAppRedirect(`x${scheme}://app.example/callback`)).toBe(true)
  },
)

describe('a redirect URI that a client sends (B10)', () => {
  it.each([
    [listed, listed],
    ['http://127.0.0.1:53123/callback', 'http://127.0.0.1/callback'],
    ['http://127.0.0.1:53123/callback', 'http://127.0.0.1:33418/callback'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:33418/callback'],
    ['http://127.0.0.1:80/callback', 'http://127.0.0.1/callback'],
    ['http://127.0.0.1:53123/callback', 'http://127.0.0.1:0/callback'],
    ['http://localhost:1/callback', 'http://localhost/callback'],
    ['http://[::1]:65535/callback?a=b', 'http://[::1]/callback?a=b'],
    ['http://127.0.0.1:33418', 'http://127.0.0.1/'],
    ['http://127.0.0.1:33418/?a=b', 'http://127.0.0.1?a=b'],
  ])('matches: %s for %s', (sent, each) => {
    expect(requireRedirect(sent, [each], issuer)).toBe(sent)
  })

  it.each<[string, string, string?]>([
    ['a prefix', 'https://client.example/call'],
    ['something appended', 'https://client.example/callback/evil'],
    ['a query appended', 'https://client.example/callback?x=1'],
    ['an empty query appended', 'https://client.example/callback?'],
    ['a slash appended', 'https://client.example/callback/'],
    ['another case in the path', 'https://client.example/Callback'],
    ['another case in the host', 'https://Client.example/callback'],
    ['another scheme', 'http://client.example/callback'],
    ['another port', 'https://client.example:8443/callback'],
    ['the default port', 'https://client.example:443/callback'],
    ['another path', 'https://client.example/other'],
    ['a subdomain', 'https://evil.client.example/callback'],
    ['the host as a prefix', 'https://client.example.evil.example/callback'],
    ['the host as user information', 'https://client.example@evil.example/callback'],
    ['a trailing dot', 'https://client.example./callback'],
    ['an encoded path', 'https://client.example/c%61llback'],
    ['an encoded dot segment', 'https://client.example/x/%2e%2e/callback'],
    ['a fragment', 'https://client.example/callback#x'],
    ['its own code', 'https://client.example/callback?code=x'],
    ['a tab', 'https://client.example/\tcallback'],
    ['a backslash', 'https://client.example\\callback'],
    ['another loopback host', 'http://localhost/callback', 'http://127.0.0.1/callback'],
    ['the other loopback host', 'http://127.0.0.1/callback', 'http://localhost/callback'],
    ['the IPv6 loopback host', 'http://[::1]/callback', 'http://127.0.0.1/callback'],
    ['another path at loopback', 'http://127.0.0.1:1/other', 'http://127.0.0.1/callback'],
    ['another query at loopback', 'http://127.0.0.1:1/callback?x=1', 'http://127.0.0.1/callback'],
    ['another case at loopback', 'http://127.0.0.1:1/CALLBACK', 'http://127.0.0.1/callback'],
    ['a slash appended at loopback', 'http://127.0.0.1:1/callback/', 'http://127.0.0.1/callback'],
    ['https at loopback', 'https://127.0.0.1:1/callback', 'http://127.0.0.1/callback'],
    ['a port for https at loopback', 'https://localhost:1/callback', 'https://localhost/callback'],
    ['localhost.evil', 'http://localhost.evil.example/callback', 'http://localhost/callback'],
    ['localhost with a trailing dot', 'http://localhost./callback', 'http://localhost/callback'],
    ['localhost in capitals', 'http://LOCALHOST:1/callback', 'http://localhost/callback'],
    ['127.0.0.1@evil', 'http://127.0.0.1@evil.example/callback', 'http://127.0.0.1/callback'],
    ['127.0.0.1:1@evil', 'http://127.0.0.1:1@evil.example/callback', 'http://127.0.0.1/callback'],
    ['127.0.0.1.evil', 'http://127.0.0.1.evil.example/callback', 'http://127.0.0.1/callback'],
    ['a decimal address', 'http://2130706433:1/callback', 'http://127.0.0.1/callback'],
    ['a short address', 'http://127.1:1/callback', 'http://127.0.0.1/callback'],
    ['a long IPv6 form', 'http://[0:0:0:0:0:0:0:1]:1/callback', 'http://[::1]/callback'],
    ['a mapped IPv6 form', 'http://[::ffff:127.0.0.1]:1/callback', 'http://127.0.0.1/callback'],
    ['a dot segment at loopback', 'http://127.0.0.1:1/x/../callback', 'http://127.0.0.1/callback'],
    ['a fragment at loopback', 'http://127.0.0.1:1/callback#x', 'http://127.0.0.1/callback'],
    ['a port that does not exist', 'http://127.0.0.1:65536/callback', 'http://127.0.0.1/callback'],
    ['a listed fragment', `${listed}#x`, `${listed}#x`],
    ['a listed own code', `${listed}?code=x`, `${listed}?code=x`],
    ['listed http', 'http://client.example/callback', 'http://client.example/callback'],
  ])('does not match with %s', (_case, sent, each = listed) => {
    expect(() => requireRedirect(sent, [each], issuer)).toThrow(mismatch)
  })

  it('is returned as sent if the client lists it', () => {
    const sent = 'http://127.0.0.1:53123/callback'
    expect(requireRedirect(sent, [listed, 'http://127.0.0.1/callback'], issuer)).toBe(sent)
  })

  it('is refused with the start of what was sent', () => {
    const sent = `https://evil.example/${'a'.repeat(300)}`
    const start = JSON.stringify(sent.slice(0, 200))
    expect(() => requireRedirect(sent, [listed], issuer)).toThrow(`is not listed by the client: ${start}.`)
  })

  it.each(['https://evil.example/callback', ''])('is refused if it is not listed: %s', (sent) => {
    expect(() => requireRedirect(sent, [listed], issuer)).toThrow(mismatch)
  })

  it.each(['https://client.example/x', 'http://127.0.0.1:1/x', `https://client.example/x?${'a&'.repeat(1000)}`])(
    'is parsed once, however many the client lists: %s',
    (sent) => {
      const parsed = vi.spyOn(URL, 'canParse')
      onTestFinished(() => parsed.mockRestore())
      const many = Array.from({ length: 50 }, (_, at) => `https://client.example/${at}`)
      expect(() => requireRedirect(sent, many, issuer)).toThrow(mismatch)
      expect(parsed.mock.calls.length).toBeLessThanOrEqual(1)
    },
  )

  it.each([
    [`${issuer}/oauth/authorize?client_id=x`, issuer],
    ['http://127.0.0.1:4000/callback', 'http://127.0.0.1:4000'],
  ])('is refused at this server itself: %s', (sent, server) => {
    expect(() => requireRedirect(sent, [sent, 'http://127.0.0.1/callback'], server)).toThrow('at this server itself')
  })

  it('is refused if the client lists none', () => {
    expect(() => requireRedirect(listed, [], issuer)).toThrow('not listed by the client')
  })
})
