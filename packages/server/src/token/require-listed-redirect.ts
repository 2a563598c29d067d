import { AAuthError, type AgentMetadata, type AgentSelection, isSelected } from 'countersign'

const loopbackHosts = new Set(['127.0.0.1', '[::1]', 'localhost'])

/**
 * Requires the redirect URI to be one that the agent lists, as the same string; one listed for loopback without a port
 * matches any port there (W12, RFC 8252 §7.3).
 *
 * @param optional agents that may list none at all: then any URI on the identifier's own origin is accepted
 * @throws AAuthError `redirect_uri_not_listed`
 */
export function requireListedRedirect(
  redirectUri: string,
  { agent, redirect_uris: listed }: AgentMetadata,
  optional: AgentSelection,
): void {
  if (isRedirect(redirectUri)) {
    if (listed?.some((uri) => uri === redirectUri || uri === withoutLoopbackPort(redirectUri))) return
    if (listed === undefined && isSelected(optional, agent) && new URL(redirectUri).origin === new URL(agent).origin)
      return
  }
  throw new AAuthError(
    'redirect_uri_not_listed',
    listed === undefined
      ? 'The agent’s document lists no redirect_uris: the redirect_uri must be one of them.'
      : 'The redirect_uri is not one of the redirect_uris in the agent’s document.',
  )
}

function isRedirect(uri: string): boolean {
  if (uri.length > 2048 || !/^[\x21-\x7e]+$/.test(uri) || uri.includes('#') || !URL.canParse(uri)) return false
  const { protocol, hostname, username, password } = new URL(uri)
  if (username !== '' || password !== '') return false
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && loopbackHosts.has(hostname)) ||
    (isAppScheme(protocol) && uri.startsWith(`${protocol}/`))
  )
}

// A private-use scheme of an app is a domain name in reverse (RFC 8252 §7.1); the dot keeps out `javascript:` and its like.
function isAppScheme(protocol: string): boolean {
  return /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:$/.test(protocol)
}

function withoutLoopbackPort(uri: string): string | undefined {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):\d{1,5}(\/.*)?$/.exec(uri)
  return match ? `${match[1]}${match[2] ?? ''}` : undefined
}
