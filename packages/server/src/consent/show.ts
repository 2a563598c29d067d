import { readParameters } from 'countersign/editions'
import { networkOf } from 'countersign/node'
import { denialsCountSince, waitAfterDenials } from '../admission/wait-after-denials.js'
import type { CodeLink, ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther, withCookies } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Arrival } from '../http/route.js'
import { shareOf } from '../http/serve-request.js'
import { inSession, openVisit, requireFew, type SignedInVisit, type Visit } from '../http/visit.js'
import { renderCodeForm } from '../pages/code-page.js'
import { displayHost } from '../pages/components/marks.js'
import type { CodeForm } from '../pages/models/request-blocks.js'
import { hashSecret } from '../secrets/server-keys.js'
import { fieldsOf, signInPageAt } from '../sign-in/render-sign-in.js'
import { setUpFirst } from '../sign-in/second-factor.js'
import { signInChanged } from '../sign-in/session.js'
import type { AuthRequest, LimitedAttempt } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'
import { allowing } from './decide.js'
import { decisionFacts, policyDenial } from './facts.js'
import {
  emitDecision,
  linkDestination,
  newHandle,
  outcomeResponse,
  requestDestination,
  requireLink,
  requireStored,
  respondUnlessOpen,
} from './link.js'
import { consentPageAt } from './page.js'

/** Responds to a request's link with the sign-in page, then the consent page, or with the reason why neither is shown (S§9.5). */
export async function showRequest(context: ServerContext, arrival: Arrival, path: string): Promise<Response> {
  const { method, url } = arrival.request
  // Link scanners send HEAD requests.
  if (method === 'HEAD') throw new PageError('method_not_allowed')
  const parameters = readParameters(new URL(url).searchParams)
  if (parameters.has('consent')) throw new PageError('method_not_allowed')
  const read = await context.transports.readLink(parameters, path)
  const transport = context.transports.at(path)
  if (!read && transport?.readCode) {
    const code = transport.readCode(parameters)
    const visit = await openVisit(context, arrival)
    return code ? enter(context, visit, code) : codePage(context, visit, path)
  }
  const link = requireLink(read)
  const about = { tokenHash: link.tokenHash, deniedSince: denialsCountSince(context.now()) }
  return showTo(context, await openVisit(context, arrival, about), link)
}

/** Takes a user who comes with a code to the request's own URL, or shows the form for codes again. */
async function enter(context: ServerContext, visit: Visit, link: CodeLink): Promise<Response> {
  try {
    await requireFewGuesses(context, visit)
    await requireStored(context, link, visit)
  } catch (error) {
    if (!(error instanceof PageError) || error.code !== 'request_unknown') throw error
    await countGuess(context, link.handle, visit)
    const { path } = context.transports.of(link)
    throw new PageError(error.code, { response: codePage(context, visit, path, 'wrong_code'), status: wrongCode })
  }
  return seeOther(link.path, visit.newCookies)
}

const wrongCode = 404

function codePage(context: ServerContext, visit: Visit, action: string, problem?: CodeForm['problem']): Response {
  const html = renderCodeForm({ ...pageFrame(context, visit), form: { action, problem } }, visit.messages)
  return htmlResponse(html, { status: problem ? wrongCode : 200, cookies: visit.newCookies })
}

async function showTo(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Response> {
  const stored = await requireStored(context, link, visit)
  const answered = await respondUnlessOpen(context, visit, stored)
  if (answered) return answered
  const { session } = visit
  const signedIn = session && { ...visit, session }
  if (signedIn) requireFew(context, signedIn, 'requests')
  const first = signedIn && (await setUpFirst(context, signedIn, link.path))
  if (first) return first
  const viewer = signedIn && { person: signedIn, facts: await decisionFacts(context, signedIn, stored) }
  if (!viewer || viewer.facts.proof === 'sign-in') {
    if (link.state !== undefined) await context.storage.rememberState(link.tokenHash, link.state)
    const destination = requestDestination(link, stored)
    const again = viewer && (viewer.facts.dangers.length === 0 ? 'login' : 'request')
    const username = context.transports.of(stored).usernameOf?.(stored)
    return signInPageAt(context, visit, { destination, again, username })
  }
  const { person, facts } = viewer
  const grant = policyDenial(context, stored) ? undefined : facts.withoutPage
  if (grant && comesFromAgent(visit.request, pagesOf(stored))) {
    const allowed = await allowRemembered(context, person, { link, stored, grantId: grant.id })
    if (allowed) return allowed
  }
  const bound = await context.storage.bindRequest({
    tokenHash: link.tokenHash,
    found: stored,
    ...inSession(person),
    state: link.state ?? null,
    openFor: context.transports.of(stored).openFor,
  })
  if (bound.outcome === 'bound') {
    if (person.about?.wasDenied !== false) await requireNotTooSoon(context, person, link, bound.request)
    return consentPageAt(context, person, { link, request: bound.request, facts })
  }
  if (bound.reason === 'user_changed') throw signInChanged(link)
  if (bound.reason === 'other_browser') throw new PageError('request_other_session')
  if (bound.reason === 'other_user') throw otherUser(context, visit, link)
  // The request was decided or has expired between the two reads, so check again.
  const again = await respondUnlessOpen(context, visit, await requireStored(context, link))
  if (!again) throw new PageError('request_unknown')
  return again
}

/**
 * Denies a request for what the user denied the agent a short time before.
 *
 * @throws PageError `request_too_soon`, which the user sees instead of the request
 */
async function requireNotTooSoon(
  context: ServerContext,
  person: SignedInVisit,
  link: ConsentLink,
  request: AuthRequest,
): Promise<void> {
  const { session } = person
  // This server vouches for its users' devices, each of which waits for itself.
  const device = request.agent === context.issuer ? request.delegate : null
  const id = request.display.agent.id ?? device ?? undefined
  const left = await waitAfterDenials(context, session.user.id, { ...request, id })
  if (left === undefined) return
  const until = context.now() + left
  const by = { tokenHash: link.tokenHash, judged: request, ...inSession(person), revision: request.revision }
  const denied = { decision: 'deny', again: true, grantLifetime: null, remembered: false } as const
  const outcome = await context.storage.decideRequest({ ...denied, ...by })
  if (outcome.outcome !== 'refused' && outcome.first)
    emitDecision(context, outcome.request, { by: 'policy', outcome: 'denied' })
  const why = `The user denied this a short time ago: do not ask again within ${left} seconds.`
  throw new PageError('request_too_soon', {
    agentHost: displayHost(request.agent),
    agent: request.agent,
    back: context.transports.of(request).addressOf(request, { allowed: false, why }),
    retryAfter: left,
    until,
  })
}

/** Tells a user that only another one can decide, and lets them sign in as that user: some people have several accounts. */
function otherUser(context: ServerContext, visit: Visit, link: ConsentLink): PageError {
  const { path, fields } = linkDestination(link)
  return new PageError('request_other_user', { switchAccount: fieldsOf(context, visit, { action: path, fields }) })
}

/**
 * Allows a request without a page if it requests nothing new, the user has allowed the agent before, and the user comes from the agent's
 * page (W22). Returns undefined if the page is needed after all.
 */
async function allowRemembered(
  context: ServerContext,
  visit: SignedInVisit,
  { link, stored, grantId }: { link: ConsentLink; stored: AuthRequest; grantId: string },
): Promise<Response | undefined> {
  const { user } = visit.session
  const outcome = await context.storage.allowRemembered({
    tokenHash: link.tokenHash,
    ...inSession(visit),
    state: link.state ?? null,
    grantId,
    account: context.transports.accountOf(stored),
    handle: newHandle(context, stored),
    attempt: allowing(context, user.id),
  })
  if (outcome.outcome === 'refused') return undefined
  emitDecision(context, outcome.request, { by: 'grant', outcome: 'allowed' })
  return withCookies(await outcomeResponse(context, visit, outcome.request), visit.newCookies)
}

/**
 * The URL at or below which an agent has its pages. An agent that signs nothing is identified by a document, so its pages are elsewhere on
 * the document's host; and by default, browsers send only the origin in a `Referer` anyway. A client that is known by a name has none.
 */
function pagesOf({ agent, display }: AuthRequest): string {
  return display.agent.bearer && URL.canParse(agent) ? new URL('/', agent).href : agent
}

/**
 * Whether the browser reports that the user came from one of the agent's pages (W22). This requires a `Referer` with the agent's origin,
 * which a link in a message does not have. If the identifier has a path, the referring page must be at or below it, because others may
 * share the host. The browser's other navigation headers must be consistent: the user was brought here directly and saw no other page
 * first, such as this server's sign-in page.
 */
export function comesFromAgent({ headers }: Request, agent: string): boolean {
  const referer = headers.get('referer') ?? ''
  if (!/^[\x21-\x7e]+$/.test(referer) || !URL.canParse(referer)) return false
  if (!URL.canParse(agent)) return false
  const { origin, pathname } = new URL(referer)
  const own = new URL(agent)
  const isOwnPath = own.pathname === '/' || pathname === own.pathname || pathname.startsWith(`${own.pathname}/`)
  return origin === own.origin && isOwnPath && isNavigation(headers)
}

/**
 * The headers that browsers send for a navigation started by a page from another origin. A header may be missing, but each one sent must
 * match.
 */
const navigation: readonly (readonly [header: string, value: RegExp])[] = [
  ['sec-fetch-site', /^(?:cross|same)-site$/],
  ['sec-fetch-mode', /^navigate$/],
  ['sec-fetch-dest', /^document$/],
  ['sec-purpose', /^$/],
  ['purpose', /^$/],
]

function isNavigation(headers: Headers): boolean {
  return navigation.every(([name, value]) => {
    const said = headers.get(name)
    return said === null || value.test(said)
  })
}

/** Who guesses. */
type Guesser = Pick<Visit, 'ip' | 'session' | 'request'>

const window = 600
const most = { network: 30, user: 10, request: 5 }

/**
 * Limits on links that lead to no request, in each window. A user who mistypes a code does so a few times. A user who is signed in, or comes
 * with a browser in which they signed in before, has only their own limit, so that no one else in their network can lock them out.
 */
function limitsOf(context: ServerContext, guesser: Guesser): LimitedAttempt[] {
  const user = userOf(context, guesser)
  if (user !== undefined) return [limit('user', user)]
  return guesser.ip === undefined ? [] : [limit('network', networkOf(guesser.ip))]
}

function userOf(context: ServerContext, { request, ip, session }: Guesser): string | undefined {
  if (session) return session.user.id
  const share = shareOf(context, request, ip)
  return share[0] === 'known' ? share.at(-1) : undefined
}

function limit(kind: 'user' | 'network', id: string): LimitedAttempt {
  return { key: hashSecret(`wrong links of ${kind} ${id}`), window, most: most[kind] }
}

/**
 * Refuses someone who has opened too many links that lead to no request, before anything is looked up.
 *
 * @throws PageError `too_many_requests`
 */
async function requireFewGuesses(context: ServerContext, guesser: Guesser): Promise<void> {
  const { storage, now } = context
  const reached = await storage.findReachedLimit(limitsOf(context, guesser))
  if (reached) throw new PageError('too_many_requests', { retryAfter: secondsUntil(reached.resetAt, now()) })
}

/** Counts a link that leads to no request, against the one who opened it and against the request that has its handle. */
async function countGuess(context: ServerContext, handle: string, guesser: Guesser): Promise<void> {
  const { storage } = context
  const limits = limitsOf(context, guesser)
  if (limits.length > 0) await storage.countWithinLimits(limits)
  await storage.countWrongLink({ linkHandle: handle, most: most.request })
}
