import { isIdentifier } from 'countersign/discovery'
import { ownAnswerParameter, redirectKind } from 'countersign/editions'
import { OAuthProblem } from './oauth-problem.js'

/** A loopback redirect URI: the scheme with one of the three hosts, any port, and the rest. */
const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?:0|[1-9]\d{0,4}))?([/?].*)?$/

/** How many parameters the query of a redirect URI may have. */
const maxParameters = 20

/** How many redirect URIs a client may list. */
export const maxRedirectUris = 50

/**
 * Whether a client may be sent to a redirect URI at all (OAuth 2.1 §4.1.1): `https`, or `http` on exactly `127.0.0.1`, `[::1]` or
 * `localhost` with any port. Rejects fragments, user information, private-use schemes, and query parameters that could be mistaken for
 * those of the response, or more than 20 of them.
 *
 * Also rejects any spelling that a URL parser changes (capital letters in the host, dot segments, backslashes, decimal addresses), because
 * the browser would then go somewhere other than the text says.
 */
export function isUsableRedirect(uri: unknown): uri is string {
  const kind = redirectKind(uri)
  if (typeof uri !== 'string' || kind === undefined || kind === 'app') return false
  if (!isAsParsed(portlessLoopback(uri) ?? uri)) return false
  if (kind === 'web' && !isIdentifier(new URL(uri).origin)) return false
  return isDistinctQuery(uri)
}

/**
 * Whether a redirect URI has a private-use scheme (RFC 8252 §7.1). Any program on the device can claim the scheme, so only the operator may
 * list such a URI.
 */
export function isAppRedirect(uri: string): boolean {
  if (uri.length > 2048 || !/^[a-z][a-z0-9+.-]*:\/[\x21-\x22\x24-\x7e]+$/.test(uri) || !URL.canParse(uri)) return false
  const { protocol, href, username, password } = new URL(uri)
  if (browserSchemes.has(protocol) || href !== uri || username !== '' || password !== '') return false
  return isDistinctQuery(uri)
}

/** Whether a redirect URI has few parameters, and none that could be mistaken for one of the response. */
function isDistinctQuery(uri: string): boolean {
  return uri.split(/[?&;]/, maxParameters + 2).length <= maxParameters + 1 && ownAnswerParameter(uri) === undefined
}

/** Schemes that browsers interpret themselves, so that no app can receive a response there. */
const browserSchemes: ReadonlySet<string> = new Set(
  [
    'http',
    'https',
    'ws',
    'wss',
    'ftp',
    'file',
    'filesystem',
    'blob',
    'data',
    'javascript',
    'vbscript',
    'about',
    'view-source',
  ].map((scheme) => `${scheme}:`),
)

/**
 * Returns the redirect URI of a request if the client lists it (OAuth 2.1 §4.1.1): the same string, or both `http` on the same loopback
 * host with the same path and query, whatever the ports (RFC 8252 §7.3). A listed port is ignored as well, because some clients list one
 * and use another. Different loopback hosts never match.
 *
 * @param issuer this server: no client may be sent back to it
 * @param listed the redirect URIs of the client, each of which was found usable. Those with a private-use scheme must be the operator's
 * @throws OAuthProblem `redirect_mismatch`: show a page, never redirect (OAuth 2.1 §4.1.2.1)
 */
export function requireRedirect(sent: string, listed: readonly string[], issuer: string): string {
  const problem = redirectProblem(sent, listed, issuer)
  if (problem === undefined) return sent
  throw new OAuthProblem('redirect_mismatch', `The redirect_uri ${problem}.`)
}

function redirectProblem(sent: string, listed: readonly string[], issuer: string): string | undefined {
  if (!isListed(sent, listed)) return `is not listed by the client: ${JSON.stringify(sent.slice(0, 200))}`
  return isAt(issuer, sent) ? 'is at this server itself: list a URL of the client' : undefined
}

/** Whether a URL is at the origin of this server. */
export function isAt(issuer: string, url: string): boolean {
  return new URL(url).origin === new URL(issuer).origin
}

function isListed(sent: string, listed: readonly string[]): boolean {
  if (listed.includes(sent)) return isUsableRedirect(sent) || isAppRedirect(sent)
  const portless = portlessLoopback(sent)
  return portless !== undefined && isUsableRedirect(sent) && listed.some((each) => portless === portlessLoopback(each))
}

/** A loopback redirect URI without its port, and with `/` for an empty path; undefined for any other text. */
function portlessLoopback(uri: string): string | undefined {
  const [, origin, rest = ''] = loopback.exec(uri) ?? []
  return origin === undefined ? undefined : origin + (rest.startsWith('/') ? rest : `/${rest}`)
}

function isAsParsed(uri: string): boolean {
  const { href } = new URL(uri)
  return href === uri || href === `${uri}/`
}
