import { januaryAgent } from '../../editions/january/january-agent.js'
import { AgentError } from '../../lib/agent-error.js'
import { systemClock } from '../../lib/clock.js'
import { jsonResponse } from '../../lib/encodings.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { requireKnownOptions } from '../../lib/options.js'
import { documentUrl } from '../../protocol/documents.js'
import { type AgentActions, sharedAgentOptions } from '../agent-options.js'
import { type CallbackOutcome, callbackPage } from '../callback-page.js'
import { createVisitedAgent, type WebAgent, type WebAgentOptions } from '../create-web-agent.js'
import { memoryStore } from '../memory-store.js'
import { ownRecords } from '../own-records.js'
import { actForBrowser } from './act-for-browser.js'
import { createBrowserSessions } from './browser-sessions.js'
import { createFirstVisits, createWayBack, type FirstVisits, type WayBack } from './first-visit.js'
import { createOwnCookies } from './own-cookies.js'
import { privatePage } from './page-head.js'
import {
  busyPage,
  describeNoCookies,
  isFromOwnPage,
  isNavigation,
  isRead,
  redirect,
  refuseForeign,
  refuseVisit,
  type Visit,
} from './visit.js'

/** What the agent of a web app is made of; `R` is a request of its framework. */
export interface AppAgentOptions<R> extends Omit<WebAgentOptions, 'sessionOf' | 'onConsent'> {
  /**
   * The session that your app has for a browser, for apps that know who their people are: the id must be made by you, be
   * impossible to guess, and be new after each sign-in; undefined for a browser without one. What the app does at sign-out
   * must call `agent.forget(session)`. @default sessions made here, by a cookie, and kept in `store`
   */
  sessionOf?: ((request: R) => MaybePromise<string | null | undefined>) | undefined
  /** Seconds after which a session that was made here ends. @default 30 days */
  sessionTime?: number | undefined
  /** The path where people go who said no, who signed out, or whom nothing leads back. @default '/' */
  home?: string | undefined
}

const appAgentOptions = {
  ...sharedAgentOptions,
  redirectUri: true,
  sessionOf: true,
  sessionTime: true,
  home: true,
} as const satisfies Record<keyof AppAgentOptions<unknown>, true>

/** What the adapters for frameworks are made of. */
export interface WebApp<R> {
  agent: WebAgent
  /** Where browsers are. */
  origin: string
  /** Whether a path, with or without a query, is the agent's own. */
  isOwn: (target: string) => boolean
  /** Whether a line `Set-Cookie` is of a cookie of the agent. */
  isOwnCookie: (line: string) => boolean
  /** Answers at those paths: the document, the keys and the callback. */
  serve: (request: Request, own: R) => Promise<Response>
  /** Makes a page with the agent of this browser's session; or gives the answer that leads the browser to its decision. */
  makePage: <T>(
    visit: Visit<R>,
    make: (agent: AgentActions) => MaybePromise<T>,
  ) => Promise<{ made: T } | { answer: Response }>
  signOut: (visit: Visit<R>) => Promise<Response>
}

/** @throws TypeError for options that cannot work */
export function createWebApp<R>(options: AppAgentOptions<R>): WebApp<R> {
  requireKnownOptions('createAppAgent', options, appAgentOptions)
  const { sessionOf, sessionTime = 30 * 86_400, home = '/', ...given } = options
  const { id, redirectUri = `${id}/callback`, edition = januaryAgent, store = memoryStore(), now = systemClock } = given
  if (sessionOf !== undefined && typeof sessionOf !== 'function')
    throw new TypeError('sessionOf must be a function: it says which session of the app a request is in')
  const { origin, protocol, pathname: callbackPath } = new URL(redirectUri)
  const cookies = createOwnCookies(id, protocol === 'https:')
  const records = ownRecords(store, { agent: id, edition: edition.name })
  const forget = (session: string) => agent.forget(session)
  const sessions = createBrowserSessions({ store, records, cookies, lifetime: sessionTime, forget, now })
  const { agent, actionsFor, handle } = createVisitedAgent({
    ...given,
    store: sessionOf ? store : sessions.store,
    // For a request that comes to the agent itself, without the framework's.
    sessionOf: (request) => (sessionOf ? undefined : sessions.findForAnswer(cookiesOf(request))),
    callbackResponse: (...answer) => answerCallback(ways, ...answer),
  })
  const wayBack = createWayBack({ cookies, origin, home, callbackPath })
  const firstVisits = createFirstVisits({ cookies, wayBack, redirectUri })
  const ways = {
    ...given,
    home,
    wayBack,
    firstVisits,
    renew: (header: string | undefined) => (sessionOf ? undefined : sessions.renew(header)),
  }
  const ownUrls = [documentUrl(edition.documents.agent, id), agent.metadata.jwks_uri, redirectUri]
  const ownPaths = new Set(ownUrls.map((url) => new URL(url).pathname))

  async function sessionIn(request: R, cookieHeader: string | undefined): Promise<string | null | undefined> {
    return sessionOf ? sessionOf(request) : sessions.find(cookieHeader)
  }

  async function makePage<T>(visit: Visit<R>, make: (agent: AgentActions) => MaybePromise<T>) {
    let begun: string | undefined
    let first: ReturnType<FirstVisits['send']> | undefined
    let isMade = false
    async function actionsOf(): Promise<AgentActions> {
      const cookieHeader = visit.header('cookie')
      const known = await sessionIn(visit.request, cookieHeader)
      if (known) return actionsFor(known, requireAsking)
      if (sessionOf) throw new TypeError('sessionOf gave no session: let people sign in before they come to this page')
      if (isMade) throw privatePage.tooLate()
      const brought = firstVisits.find(cookieHeader)
      begun = brought === undefined ? undefined : await sessions.begin(brought, visit.addCookie)
      // Without a session nothing is kept: what needs no person is done all the same.
      return begun === undefined ? actionsFor('nobody', sendFirst) : actionsFor(begun, requireAsking)
    }
    /** HEAD comes from what looks at links: it begins nothing. */
    function requireAsking(): void {
      if (visit.method === 'HEAD') sendFirst()
    }
    function sendFirst(): never {
      first ??= firstVisits.send(visit)
      throw new AgentError('consent_required', 'This browser has not shown yet that it brings cookies back.', first)
    }
    function noteAsked(url: string): void {
      if (visit.method !== 'HEAD') visit.addCookie(url === first?.url ? first.cookie : wayBack.remember(visit, url))
    }
    try {
      return await makePageFor(visit, make, { ...ways, origin, actionsOf, noteAsked })
    } finally {
      isMade = true
      if (begun !== undefined) sessions.settle(begun, visit.addCookie)
    }
  }

  return {
    agent,
    origin,
    isOwnCookie: cookies.isOwn,
    isOwn: (target) => ownPaths.has(target.split('?', 1)[0] as string),
    async serve(request, own) {
      const cookieHeader = cookiesOf(request)
      const session = () => (sessionOf ? sessionOf(own) : sessions.findForAnswer(cookieHeader))
      if (!firstVisits.isSent(request.url)) return handle(request, session)
      const brought = firstVisits.find(cookieHeader) ?? (await sessionIn(own, cookieHeader))
      if (brought) return redirect(firstVisits.pageOf(request.url), [], isRead(request) ? 303 : 307)
      return refuseWithoutCookies(ways, request)
    },
    makePage,
    async signOut(visit) {
      if (!isFromOwnPage(visit, origin)) return refuseForeign()
      const session = await sessionIn(visit.request, visit.header('cookie'))
      if (session) await agent.forget(session)
      return redirect(new URL(home, origin).href, sessionOf ? [] : [sessions.end])
    },
  }
}

interface PageTools extends CallbackWays {
  origin: string
  /** The agent as it acts for the browser of this visit. */
  actionsOf: () => Promise<AgentActions>
  /** Told where the person must decide, before the page hears of it. */
  noteAsked: (url: string) => void
}

async function makePageFor<T>(
  visit: Visit<unknown>,
  make: (agent: AgentActions) => MaybePromise<T>,
  { origin, actionsOf, noteAsked, ...ways }: PageTools,
): Promise<{ made: T } | { answer: Response }> {
  const refusal = refuseVisit(visit, origin)
  if (refusal) return { answer: refusal }
  const { actions, isAsking, isBusy } = actForBrowser(actionsOf, noteAsked)
  try {
    return { made: await make(actions) }
  } catch (error) {
    if (isAsking(error)) return { answer: leadTo(error.url, visit, ways) }
    if (isBusy(error)) return { answer: tellBusy(error.retryAfter, visit, ways) }
    throw error
  }
}

interface CallbackWays extends Pick<WebAgentOptions, 'id' | 'about' | 'callbackResponse'> {
  home: string
  wayBack: WayBack
  firstVisits: FirstVisits
  /** The new cookie of a session that was made here. */
  renew: (cookieHeader: string | undefined) => MaybePromise<string | undefined>
}

/** To where its person decides, or to where a browser shows its cookies, which comes back with what it sent. */
function leadTo(url: string, visit: Visit<unknown>, { firstVisits, wayBack }: CallbackWays): Response {
  if (visit.method === 'HEAD') return new Response(null, { status: 401, headers: { 'cache-control': 'no-store' } })
  if (!firstVisits.isSent(url)) return isNavigation(visit) ? redirect(url) : tellScript(url)
  const comesBack = firstVisits.pageOf(url) === wayBack.within(visit.target)
  return redirect(url, [], isRead(visit) || !comesBack ? 303 : 307)
}

/** What an auth server has no room for is over in a while. */
function tellBusy(retryAfter: number, visit: Visit<unknown>, { id, about, wayBack }: CallbackWays): Response {
  const headers = { 'cache-control': 'no-store', 'retry-after': String(retryAfter) }
  if (!isNavigation(visit)) return jsonResponse(503, { error: 'busy', retry_after: retryAfter }, headers)
  const back = isRead(visit) ? wayBack.within(visit.target) : wayBack.within(visit.header('referer') ?? null)
  return busyPage({ id, about, language: visit.header('accept-language') ?? null, back }, retryAfter)
}

function refuseWithoutCookies(
  { id, about, callbackResponse, firstVisits }: CallbackWays,
  request: Request,
): MaybePromise<Response> {
  const language = request.headers.get('accept-language')
  const detail = describeNoCookies(language)
  const isPage = isNavigation({ header: (name) => request.headers.get(name) ?? undefined })
  if (!isPage) return jsonResponse(400, { error: 'cookies_required' }, { 'cache-control': 'no-store' })
  if (callbackResponse) return callbackResponse('refused', detail, request)
  return callbackPage('refused', { id, about, language, detail, back: firstVisits.pageOf(request.url) })
}

/** Leads who allowed something back to where they were; tells everybody else what happened. */
async function answerCallback(
  { id, about, callbackResponse, home, wayBack, firstVisits, renew }: CallbackWays,
  outcome: CallbackOutcome,
  detail: string | undefined,
  request: Request,
): Promise<Response> {
  const cookieHeader = cookiesOf(request)
  const back = wayBack.find(request.url, cookieHeader)
  if (outcome === 'allowed') {
    // Whoever put a session into this browser before knows it no longer.
    const renewed = await renew(cookieHeader)
    const cookies = renewed === undefined ? [] : [renewed, firstVisits.end]
    return redirect(back, [wayBack.forget(request.url), ...cookies])
  }
  if (callbackResponse) return callbackResponse(outcome, detail, request)
  return callbackPage(outcome, {
    id,
    about,
    language: request.headers.get('accept-language'),
    detail,
    back: outcome === 'failed' ? back : home,
  })
}

function cookiesOf(request: Request): string | undefined {
  return request.headers.get('cookie') ?? undefined
}

/** A script cannot follow to another site: its page has to go there. */
function tellScript(url: string): Response {
  return jsonResponse(401, { error: 'consent_required', url }, { 'cache-control': 'no-store' })
}
