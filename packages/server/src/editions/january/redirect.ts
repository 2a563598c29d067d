import type { AuthRequest } from '../../storage/api/storage.js'

/** The one place where a redirect to an agent is built; its input is the stored request, whose redirect URI was verified (W12). */
export function consentRedirect(
  request: AuthRequest,
  issuer: string,
  outcome: { code: string } | { error: 'access_denied'; description: string },
): string {
  if (request.redirectUri === null)
    throw new TypeError('a request without a redirect URI cannot be answered by redirect')
  const url = new URL(request.redirectUri)
  const answer = new URLSearchParams('code' in outcome ? { code: outcome.code } : { error: outcome.error })
  if (request.state !== null) answer.set('state', request.state)
  answer.set('iss', issuer)
  if ('description' in outcome) answer.set('error_description', outcome.description)
  url.search = [...keptParameters(url.search, answer), answer.toString()].join('&')
  return url.href
}

/** The parameters of the agent's own query, as they are written (RFC 6749 §4.1.2); none says another thing than the answer. */
function keptParameters(search: string, answer: URLSearchParams): string[] {
  const pairs = search.slice(1).split('&')
  return pairs.filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some((name) => answer.has(name)))
}
