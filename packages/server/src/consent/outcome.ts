import type { ServerContext } from '../context.js'
import { htmlResponse, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { pageFrame, type View } from '../http/page-frame.js'
import type { Visitor } from '../http/visit.js'
import { hashSecret } from '../keys/minted-secrets.js'
import { accountPaths } from '../pages/account-paths.js'
import { displayHost } from '../pages/display-host.js'
import type { ReturnToAppPage } from '../pages/models.js'
import { renderReturnToApp } from '../pages/return-to-app-page.js'
import { deniedByRule } from '../policy/policy.js'
import type { AuthRequest } from '../storage/storage.js'
import { consentRedirect } from './redirect.js'

/** What the consent URL carries. */
export interface ConsentLink {
  requestToken: string
  tokenHash: string
  redirectUri: string
  state: string | undefined
}

/** The path of the sign-in and consent pages. */
export const requestPath = '/agent/auth'

const maxState = 2048

/** Reads the link from the query or from a form; what is missing ends on the page that says the link is not known. */
export function requireLink(parameters: ReadonlyMap<string, string>): ConsentLink {
  const requestToken = parameters.get('request_token')
  // None is like one that differs: whether the request is known comes first.
  const redirectUri = parameters.get('redirect_uri') ?? ''
  const state = parameters.get('state')
  if (requestToken === undefined || requestToken.length > 256) throw new PageError('request_unknown')
  if (state !== undefined && state.length > maxState) throw new PageError('bad_form')
  return { requestToken, redirectUri, state, tokenHash: hashSecret(requestToken) }
}

/** The path that shows this request, to come back to after signing in. */
export function linkPath({ requestToken, redirectUri, state }: ConsentLink): string {
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectUri })
  if (state !== undefined) query.set('state', state)
  return `${requestPath}?${query.toString()}`
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
export async function answerUnlessOpen(
  context: ServerContext,
  view: View,
  stored: AuthRequest,
): Promise<Response | undefined> {
  const elsewhere = stored.browserHash !== null && stored.browserHash !== view.visitor.browserHash
  if (stored.status === 'open') {
    if (elsewhere) throw new PageError('request_other_session')
    return undefined
  }
  const agentHost = displayHost(stored.agent)
  if (stored.status === 'expired') throw new PageError('request_expired', elsewhere ? {} : { agentHost })
  if (elsewhere || (stored.status !== 'allowed' && stored.status !== 'denied')) throw new PageError('request_used')
  return outcomeResponse(context, view, stored)
}

/** The redirect that a decision leads to, as often as the same browser asks, while it still is of use. */
export async function outcomeResponse(
  context: ServerContext,
  view: View,
  stored: AuthRequest,
  cookies: readonly string[] = [],
): Promise<Response> {
  const allowed = stored.status === 'allowed'
  if (allowed && !stored.codeAlive) throw await allowedBefore(context, view.visitor, stored)
  const outcome = allowed
    ? { code: context.secrets.codeOf(stored.id) }
    : { error: 'access_denied' as const, description: whyDenied(context, stored) }
  const href = consentRedirect(stored, context.issuer, outcome)
  if (/^https?:/.test(href)) return seeOther(href, cookies)
  const model: ReturnToAppPage = {
    ...pageFrame(context),
    outcome: allowed ? 'allowed' : 'denied',
    agentHost: displayHost(stored.agent),
    href,
  }
  return htmlResponse(renderReturnToApp(model, view.messages), { cookies })
}

/** Tells who allowed a request that they did, and where they can take it back; anybody else in that browser, that it was answered. */
async function allowedBefore(
  { storage }: ServerContext,
  { session }: Visitor,
  { agent, delegate, resource, userId }: AuthRequest,
): Promise<PageError> {
  if (session && session.user.id !== userId) return new PageError('request_used')
  const live = session
    ? await storage.listGrants({ userId: session.user.id, agent, resource, live: true, limit: 500 })
    : []
  const grant = live.find((each) => each.delegate === delegate)
  return new PageError('request_allowed', {
    agentHost: displayHost(agent),
    retry: accountPaths.agents,
    ...(grant ? { remove: accountPaths.removeAgent(grant.id) } : {}),
  })
}

/** What the agent is told; where a rule left a person nothing but to go back, they did not say no. */
function whyDenied({ policy }: ServerContext, { agent, delegate, resource, scope }: AuthRequest): string {
  const decision = policy({ agent, delegate, resource, scope: scope.split(' ') })
  const denied = typeof decision === 'object' && 'deny' in decision
  return denied ? deniedByRule(decision.deny).description : 'The person said no.'
}
