import type { AuthRequest } from '../storage/storage.js'

/** The one place where a redirect to an agent is built; its input is the stored request, whose redirect URI was verified (invariant I8). */
export function consentRedirect(
  request: AuthRequest,
  issuer: string,
  outcome: { code: string } | { error: 'access_denied' },
): string {
  if (request.redirectUri === null)
    throw new TypeError('a request without a redirect URI cannot be answered by redirect')
  const url = new URL(request.redirectUri)
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value)
  if (request.state !== null) url.searchParams.set('state', request.state)
  url.searchParams.set('iss', issuer)
  return url.href
}
