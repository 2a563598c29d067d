import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import type { AuthRequest } from '../storage/storage.js'
import { displayHost } from './consent-model.js'
import { consentRedirect } from './consent-redirect.js'
import { seeOther } from './html-response.js'
import { PageError } from './page-error.js'
import type { Visitor } from './visitor.js'

/** What the consent URL carries. */
export interface ConsentLink {
  requestToken: string
  tokenHash: string
  redirectUri: string
  state: string | undefined
}

const maxState = 2048

/** Reads the link from the query or from a form; what is missing ends on the page that says the link is not known. */
export function requireLink(parameters: ReadonlyMap<string, string>): ConsentLink {
  const requestToken = parameters.get('request_token')
  const redirectUri = parameters.get('redirect_uri')
  const state = parameters.get('state')
  if (requestToken === undefined || requestToken.length > 256) throw new PageError('request_unknown')
  if (redirectUri === undefined) throw new PageError('redirect_mismatch')
  if (state !== undefined && state.length > maxState) throw new PageError('bad_form')
  return { requestToken, redirectUri, state, tokenHash: hashSecret(requestToken) }
}

/** The path that shows this request, to come back to after signing in. */
export function linkPath({ requestToken, redirectUri, state }: ConsentLink): string {
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectUri })
  if (state !== undefined) query.set('state', state)
  return `/agent/auth?${query.toString()}`
}

/** The stored request, with the redirect URI that the link repeats. */
export async function requireStored(
  context: ServerContext,
  link: ConsentLink,
): Promise<AuthRequest & { redirectUri: string }> {
  const stored = await context.storage.findAuthRequest(link.tokenHash)
  if (!stored || stored.redirectUri === null) throw new PageError('request_unknown')
  if (stored.redirectUri !== link.redirectUri) throw new PageError('redirect_mismatch')
  return { ...stored, redirectUri: stored.redirectUri }
}

/** Turns away everybody but the browser that the request belongs to, and whoever comes too late; a decided request answers again. */
export function answerUnlessOpen(context: ServerContext, stored: AuthRequest, visitor: Visitor): Response | undefined {
  const elsewhere = stored.browserHash !== null && stored.browserHash !== visitor.browserHash
  if (stored.status === 'open') {
    if (elsewhere) throw new PageError('request_other_session')
    return undefined
  }
  const agentHost = displayHost(stored.agent)
  if (stored.status === 'expired') throw new PageError('request_expired', elsewhere ? {} : { agentHost })
  if (elsewhere || (stored.status !== 'allowed' && stored.status !== 'denied')) throw new PageError('request_used')
  return outcomeResponse(context, stored)
}

/** The redirect that a decision leads to, as often as the same browser asks, while it still is of use. */
export function outcomeResponse(context: ServerContext, stored: AuthRequest): Response {
  if (stored.status === 'denied') return seeOther(consentRedirect(stored, context.issuer, { error: 'access_denied' }))
  if (!stored.codeAlive) throw new PageError('request_allowed', { agentHost: displayHost(stored.agent) })
  return seeOther(consentRedirect(stored, context.issuer, { code: context.secrets.codeOf(stored.id) }))
}
