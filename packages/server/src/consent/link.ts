import type { DecisionEvent } from 'countersign'
import { readParameters } from 'countersign/editions'
import type { ConsentLink, LinkedAsker, LinkProblem } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { denialOf } from '../lib/policy.js'
import { displayHost } from '../pages/components/marks.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ReturnToAppPage } from '../pages/models/models.js'
import { renderReturnToApp } from '../pages/return-to-app-page.js'
import type { Asker, ClaimedAsker, Destination } from '../sign-in/render-sign-in.js'
import type { AuthRequest, NewHandle } from '../storage/api/storage.js'

/** Reads the link that a query or form belongs to; undefined if there is no such link. */
export async function findLink(
  { transports }: ServerContext,
  parameters: ReadonlyMap<string, string>,
): Promise<ConsentLink | undefined> {
  return followed(await transports.readLink(parameters))
}

/** Reads the link from a path on this server; undefined if the path belongs to another page. */
export async function linkAt(context: ServerContext, path: string): Promise<ConsentLink | undefined> {
  const { pathname, searchParams } = new URL(path, context.issuer)
  return followed(await context.transports.readLink(readParameters(searchParams), pathname))
}

/** The result of a transport reading a query or form. */
export type ReadLink = ConsentLink | LinkProblem | undefined

function followed(read: ReadLink): ConsentLink | undefined {
  if (typeof read === 'string') throw new PageError(read)
  return read
}

/** Returns the link that a query or form belongs to. Without one, shows the page for unknown links. */
export function requireLink(read: ReadLink): ConsentLink {
  const link = followed(read)
  if (!link) throw new PageError('request_unknown')
  return link
}

/**
 * The token hash of the request that a visit is about. It lets the request be read together with the session. Undefined if the link is
 * invalid.
 */
export function tokenHashIn(read: ReadLink): string | undefined {
  return typeof read === 'object' ? read.tokenHash : undefined
}

/** Returns the stored request that a link leads to: as it was read for the visit, or otherwise its current state. */
export async function requireStored(
  { storage }: ServerContext,
  link: ConsentLink,
  visit?: Pick<Visit, 'about'>,
): Promise<AuthRequest> {
  const about = visit?.about?.tokenHash === link.tokenHash ? visit.about : undefined
  const stored = about ? about.request : await storage.findAuthRequest(link.tokenHash)
  if (stored?.edition !== link.edition) throw new PageError('request_unknown')
  if (link.redirectUri !== undefined && stored.redirectUri !== link.redirectUri)
    throw new PageError('redirect_mismatch')
  return stored
}

/** The path of a request's page, and the fields that its forms carry. */
export function linkDestination({
  path,
  fields,
  state,
  tokenHash,
}: ConsentLink): Pick<Destination, 'path' | 'tokenHash' | 'fields'> {
  return { path, tokenHash, fields: { request: fields, ...(state === undefined ? {} : { state }) } }
}

/** Returns the destination for a stored request, for a user who must sign in first. */
export function requestDestination(link: ConsentLink, request: AuthRequest): Destination & { asker: Asker } {
  return { asker: askerOf(request), ...linkDestination(link) }
}

/** Returns who asks for access to what, for the pages. */
export function askerOf({ agent, resource }: Pick<AuthRequest, 'agent' | 'resource'>): Asker {
  return { agentHost: displayHost(agent), resourceHost: displayHost(resource) }
}

/** Returns who asks for access to what according to a link, for the pages. */
export function claimedAsker({ agent, resource }: LinkedAsker): ClaimedAsker {
  const [agentHost, resourceHost] = [agent, resource].map((id) => (id === undefined ? undefined : displayHost(id)))
  return { agentHost, resourceHost, unverified: true }
}

/** The code or other handle that an Allow issues, to be stored as its hash; undefined if the transport needs none. */
export function newHandle({ transports, lifetimes }: ServerContext, request: AuthRequest): NewHandle | undefined {
  const transport = transports.of(request)
  const handleHash = transport.handleHashOf(request)
  const handleLifetime = transport.handleLifetimeOf?.(request) ?? lifetimes.code
  return handleHash === undefined ? undefined : { handleHash, handleLifetime }
}

/**
 * Refuses an expired request, and any browser except the one that the request is bound to. For a decided request, returns its response
 * again.
 */
export async function respondUnlessOpen(
  context: ServerContext,
  visit: Visit,
  stored: AuthRequest,
): Promise<Response | undefined> {
  const elsewhere = stored.browserHash !== null && stored.browserHash !== visit.browserHash
  if (stored.status === 'open') {
    if (elsewhere) throw new PageError('request_other_session')
    return undefined
  }
  const agentHost = displayHost(stored.agent)
  const address = elsewhere ? undefined : endedAddress(context, stored)
  if (address !== undefined) return seeOther(address)
  if (stored.status === 'expired')
    throw new PageError('request_expired', { agentHost: elsewhere ? undefined : agentHost })
  // The storage denied it because its agent acts for another user, and unbound it from the browser.
  if (stored.status === 'denied' && stored.browserHash === null) throw new PageError('request_agent_bound')
  if (elsewhere || !isDecided(stored)) throw new PageError('request_used')
  return outcomeResponse(context, visit, stored)
}

/** Whether its user decided. */
function isDecided({ status, browserHash }: AuthRequest): boolean {
  return browserHash !== null && (status === 'allowed' || status === 'denied')
}

/** Where a user goes who opened a request in time, but did not decide before it expired or was revoked. */
function endedAddress({ transports }: ServerContext, stored: AuthRequest): string | undefined {
  const hasEnded = stored.browserHash !== null && (stored.status === 'expired' || stored.status === 'revoked')
  return hasEnded ? transports.of(stored).endedAddressOf?.(stored) : undefined
}

/**
 * Responds with a redirect or page for the decision. The same user can request this response repeatedly in the same browser while it is
 * still usable.
 */
export async function outcomeResponse(context: ServerContext, visit: Visit, stored: AuthRequest): Promise<Response> {
  const allowed = stored.status === 'allowed'
  const transport = context.transports.of(stored)
  if (allowed && !transport.isAlive(stored)) throw await allowedBefore(context, visit, stored)
  // Another user of this browser must not continue with this user's access.
  if (allowed && visit.session?.user.id !== stored.userId) throw new PageError('request_used')
  const decision = allowed ? ({ allowed } as const) : ({ allowed, why: denialDescription(context, stored) } as const)
  const href = transport.addressOf(stored, decision)
  if (href !== undefined && /^https?:/.test(href)) return seeOther(href)
  const model: ReturnToAppPage = {
    ...pageFrame(context),
    outcome: allowed ? 'allowed' : 'denied',
    agentHost: displayHost(stored.agent),
    href,
  }
  return htmlResponse(renderReturnToApp(model, visit.messages))
}

/**
 * Tells the user who allowed a request that they did so, and where to revoke the access. Tells any other user of that browser only that the
 * request was decided.
 */
async function allowedBefore(
  { storage }: ServerContext,
  { session }: Visit,
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
    remove: grant && accountPaths.removeAgent(grant.id),
  })
}

/** The description of the denial for the agent. If a rule left the user no choice, this is the rule's description. */
function denialDescription({ policy }: ServerContext, { agent, delegate, resource, scope }: AuthRequest): string {
  const denial = denialOf(policy({ agent, delegate, resource, scope: scope.split(' ') }))
  return denial?.description ?? 'The user denied the request.'
}

/** Emits the event for a decision. */
export function emitDecision(
  { tell }: ServerContext,
  { agent, delegate, resource, scope }: AuthRequest,
  { by, outcome }: Pick<DecisionEvent, 'by' | 'outcome'>,
): void {
  tell?.({ kind: 'decision', by, outcome, agent, delegate: delegate ?? undefined, resource, scope })
}
