import { hostOf, isLoopback } from '../lib/policy.js'
import type { AuthRequest } from '../storage/api/storage.js'

/** The only place that builds a redirect to an agent. Its input is the stored request, whose redirect URI was verified (W12). */
export function consentRedirect(
  request: Pick<AuthRequest, 'redirectUri' | 'state'>,
  issuer: string,
  outcome: { code: string } | { error: string; description: string },
): string {
  if (request.redirectUri === null) throw new TypeError('a request without a redirect URI has no redirect response')
  const url = new URL(request.redirectUri)
  const answer = new URLSearchParams('code' in outcome ? { code: outcome.code } : { error: outcome.error })
  if (request.state !== null) answer.set('state', request.state)
  answer.set('iss', issuer)
  if ('description' in outcome) answer.set('error_description', outcome.description)
  url.search = [...keptParameters(url.search, answer), answer.toString()].join('&')
  return url.href
}

/** The parameters in the agent's own query, in their original encoding (RFC 6749 §4.1.2), except those that the response sets. */
function keptParameters(search: string, answer: URLSearchParams): string[] {
  const pairs = search.slice(1).split('&')
  return pairs.filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some((name) => answer.has(name)))
}

/**
 * Whether the response reaches only the agent's own host. On loopback, any program on the device can receive it; on another host, someone
 * else would get the code (W22).
 */
export function isOnOwnHost({ redirectUri, agent }: Pick<AuthRequest, 'redirectUri' | 'agent'>): boolean {
  if (redirectUri === null) return false
  const { protocol, host } = new URL(redirectUri)
  return protocol === 'https:' && host === hostOf(agent) && !isLoopback(redirectUri)
}
