import type { DecisionEvent } from 'countersign'
import { readParameters } from 'countersign/editions'
import type { ConsentLink, LinkProblem } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { displayHost } from '../pages/components/marks.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ReturnToAppPage } from '../pages/models/models.js'
import { renderReturnToApp } from '../pages/return-to-app-page.js'
import { denialOf } from '../policy/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { Way } from '../sign-in/sign-in-page-at.js'
import type { AuthRequest, NewHandle } from '../storage/api/storage.js'

/** The link that a query or a form is about; undefined: it is about none. */
export async function findLink(
  { transport }: ServerContext,
  parameters: ReadonlyMap<string, string>,
): Promise<ConsentLink | undefined> {
  return followed(await transport.readLink(parameters))
}

/** The link that a path of this server is; undefined: it is another page. */
export async function linkAt(context: ServerContext, path: string): Promise<ConsentLink | undefined> {
  const { pathname, searchParams } = new URL(path, context.issuer)
  return pathname === context.transport.path ? findLink(context, readParameters(searchParams)) : undefined
}

/** What a transport read of a query or a form. */
export type ReadLink = ConsentLink | LinkProblem | undefined

function followed(read: ReadLink): ConsentLink | undefined {
  if (typeof read === 'string') throw new PageError(read)
  return read
}

/** The link that a query or a form is about; what is missing ends on the page that says the link is not known. */
export function requireLink(read: ReadLink): ConsentLink {
  const link = followed(read)
  if (!link) throw new PageError('request_unknown')
  return link
}

/** The request that a visit is about, to be read with the session; undefined: a link that is not followed. */
export function tokenHashIn(read: ReadLink): string | undefined {
  return typeof read === 'object' ? read.tokenHash : undefined
}

/** The stored request that a link leads to, as it is now, or as it was read for a visit. */
export async function requireStored(
  { storage }: ServerContext,
  link: ConsentLink,
  visit?: Pick<Visit, 'about'>,
): Promise<AuthRequest> {
  const about = visit?.about?.tokenHash === link.tokenHash ? visit.about : undefined
  const stored = about ? about.request : await storage.findAuthRequest(link.tokenHash)
  if (!stored) throw new PageError('request_unknown')
  if (stored.redirectUri !== link.redirectUri) throw new PageError('redirect_mismatch')
  return stored
}

/** Where a request is, and what its forms carry. */
export function linkWay({ path, fields, state, tokenHash }: ConsentLink): Pick<Way, 'path' | 'tokenHash' | 'fields'> {
  return { path, tokenHash, fields: { request: fields, ...(state === undefined ? {} : { state }) } }
}

/** The way to a stored request, for who must sign in first. */
export function requestWay(link: ConsentLink, { agent, resource }: AuthRequest): Way & Required<Pick<Way, 'asker'>> {
  return { asker: { agentHost: displayHost(agent), resourceHost: displayHost(resource) }, ...linkWay(link) }
}

/** What an Allow of a request gives out, to be kept as its hash; undefined: the transport needs nothing. */
export function newHandle({ transport, lifetimes }: ServerContext, requestId: string): NewHandle | undefined {
  const handle = transport.handleOf(requestId)
  return handle === undefined ? undefined : { handleHash: hashSecret(handle), handleLifetime: lifetimes.code }
}

/** Refuses any browser but the one that the request is bound to, and an expired request; a decided one gets its response again. */
export async function answerUnlessOpen(
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
  if (stored.status === 'expired')
    throw new PageError('request_expired', { agentHost: elsewhere ? undefined : agentHost })
  if (elsewhere || (stored.status !== 'allowed' && stored.status !== 'denied')) throw new PageError('request_used')
  return outcomeResponse(context, visit, stored)
}

/** Responds with where a decision leads, as often as the same browser requests it, as long as that is of use. */
export async function outcomeResponse(context: ServerContext, visit: Visit, stored: AuthRequest): Promise<Response> {
  const allowed = stored.status === 'allowed'
  const { transport } = context
  if (allowed && !transport.isAlive(stored)) throw await allowedBefore(context, visit, stored)
  const decision = allowed ? ({ allowed } as const) : ({ allowed, why: whyDenied(context, stored) } as const)
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

/** Tells the user who allowed a request that they did, and where to revoke it; any other user of that browser, that it was decided. */
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

/** The description of a denial for the agent: a rule’s if it left the user no choice. */
function whyDenied({ policy }: ServerContext, { agent, delegate, resource, scope }: AuthRequest): string {
  const denial = denialOf(policy({ agent, delegate, resource, scope: scope.split(' ') }))
  return denial?.description ?? 'The person said no.'
}

/** Emits the event of a decision. */
export function tellDecision(
  { tell }: ServerContext,
  { agent, delegate, resource, scope }: AuthRequest,
  { by, outcome }: Pick<DecisionEvent, 'by' | 'outcome'>,
): void {
  tell?.({ kind: 'decision', by, outcome, agent, delegate: delegate ?? undefined, resource, scope })
}
