/** What an auth server adds to a redirect URI (RFC 6749 §4.1.2, RFC 9207). */
const answerParameters: ReadonlySet<string> = new Set([
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
])

/**
 * The parameter in the query of a redirect URI that could be taken for one of the answer; undefined: there is none. Names
 * are read as the most lenient of frameworks do: `%63ode`, `code[]`, `;code=` and `Code` count too.
 */
export function ownAnswerParameter(redirectUri: string): string | undefined {
  const query = new URL(redirectUri).search.slice(1)
  const names = query.split(/[&;]/).flatMap((pair) => [...new URLSearchParams(pair).keys()])
  return names
    .map((name) => name.trim().toLowerCase().split('[', 1)[0] ?? '')
    .find((name) => answerParameters.has(name))
}

/** Where a browser goes back to: a web page, this machine, or an app by its private-use scheme (RFC 8252 §7). */
export type RedirectKind = 'web' | 'loopback' | 'app'

const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Of which kind a redirect URI is; undefined for a text that can be none. */
export function redirectKind(uri: unknown): RedirectKind | undefined {
  if (typeof uri !== 'string' || uri.length > 2048 || !/^[\x21-\x7e]+$/.test(uri)) return undefined
  if (uri.includes('#') || !URL.canParse(uri)) return undefined
  const { protocol, hostname, username, password } = new URL(uri)
  if (username !== '' || password !== '') return undefined
  if (protocol === 'https:' || protocol === 'http:') {
    if (loopbackHosts.has(hostname)) return 'loopback'
    return protocol === 'https:' ? 'web' : undefined
  }
  return isAppScheme(protocol) && uri.startsWith(`${protocol}/`) ? 'app' : undefined
}

// A private-use scheme of an app is a domain name in reverse (RFC 8252 §7.1); the dot keeps out `javascript:` and its like.
function isAppScheme(protocol: string): boolean {
  return /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:$/.test(protocol)
}
