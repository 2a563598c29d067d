import { januaryAgent } from '../../editions/january/january-agent.js'
import { systemClock } from '../../lib/clock.js'
import { jsonResponse } from '../../lib/json-response.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { requireKnownOptions } from '../../lib/require-known-options.js'
import { documentUrl } from '../../protocol/document-type.js'
import { type AgentActions, sharedAgentOptions } from '../agent-options.js'
import type { CallbackOutcome } from '../callback-messages.js'
import { callbackPage } from '../callback-page.js'
import { createWebAgent, type WebAgent, type WebAgentOptions } from '../create-web-agent.js'
import { memoryStore } from '../memory-store.js'
import { ownRecords } from '../own-records.js'
import { actForBrowser } from './act-for-browser.js'
import { createBrowserSessions } from './browser-sessions.js'
import { createOwnCookies } from './own-cookies.js'
import { privatePage } from './page-head.js'
import { isFromOwnPage, isNavigation, redirect, refuseForeign, refuseVisit, type Visit } from './visit.js'
import { createWayBack, type WayBack } from './way-back.js'

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
  /** What the framework has of the visits to the callback. */
  const visits = new WeakMap<Request, R>()
  const { origin, protocol, pathname: callbackPath } = new URL(redirectUri)
  const cookies = createOwnCookies(id, protocol === 'https:')
  const records = ownRecords(store, { agent: id, edition: edition.name })
  const forget = (session: string) => agent.forget(session)
  const sessions = createBrowserSessions({ store, records, cookies, lifetime: sessionTime, forget, now })
  const agent = createWebAgent({
    ...given,
    store: sessionOf ? store : sessions.store,
    sessionOf: (request) => sessionIn(visits.get(request) as R, cookiesOf(request)),
    callbackResponse: (...answer) => answerCallback({ ...given, home, wayBack }, ...answer),
  })
  const wayBack = createWayBack({ cookies, origin, home, callbackPath })
  const ownUrls = [documentUrl(edition.documents.agent, id), agent.metadata.jwks_uri, redirectUri]
  const ownPaths = new Set(ownUrls.map((url) => new URL(url).pathname))

  async function sessionIn(request: R, cookieHeader: string | undefined): Promise<string | null | undefined> {
    return sessionOf ? sessionOf(request) : sessions.find(cookieHeader)
  }

  async function makePage<T>(visit: Visit<R>, make: (agent: AgentActions) => MaybePromise<T>) {
    let begun: string | undefined
    let isMade = false
    async function actionsOf(): Promise<AgentActions> {
      const known = await sessionIn(visit.request, visit.header('cookie'))
      if (known) return agent.for(known)
      if (sessionOf) throw new TypeError('sessionOf gave no session: let people sign in before they come to this page')
      if (isMade) throw privatePage.tooLate()
      begun = sessions.begin(visit.addCookie)
      return agent.for(begun)
    }
    try {
      return await makePageFor(visit, make, { origin, wayBack, actionsOf })
    } finally {
      isMade = true
      if (begun !== undefined) sessions.settle(begun)
    }
  }

  return {
    agent,
    origin,
    isOwnCookie: cookies.isOwn,
    isOwn: (target) => ownPaths.has(target.split('?', 1)[0] as string),
    serve(request, own) {
      visits.set(request, own)
      return agent.handler(request)
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

interface PageTools {
  origin: string
  wayBack: WayBack
  /** The agent as it acts for the browser of this visit. */
  actionsOf: () => Promise<AgentActions>
}

async function makePageFor<T>(
  visit: Visit<unknown>,
  make: (agent: AgentActions) => MaybePromise<T>,
  { origin, wayBack, actionsOf }: PageTools,
): Promise<{ made: T } | { answer: Response }> {
  const refusal = refuseVisit(visit, origin)
  if (refusal) return { answer: refusal }
  const { actions, isAsking } = actForBrowser(actionsOf, (url) => visit.addCookie(wayBack.remember(visit, url)))
  try {
    return { made: await make(actions) }
  } catch (error) {
    if (!isAsking(error)) throw error
    return { answer: isNavigation(visit) ? redirect(error.url) : tellScript(error.url) }
  }
}

interface CallbackWays extends Pick<WebAgentOptions, 'id' | 'about' | 'callbackResponse'> {
  home: string
  wayBack: WayBack
}

/** Leads who allowed something back to where they were; tells everybody else what happened. */
function answerCallback(
  { id, about, callbackResponse, home, wayBack }: CallbackWays,
  outcome: CallbackOutcome,
  detail: string | undefined,
  request: Request,
): MaybePromise<Response> {
  const back = wayBack.find(request.url, cookiesOf(request))
  if (outcome === 'allowed') return redirect(back, [wayBack.forget(request.url)])
  if (callbackResponse) return callbackResponse(outcome, detail, request)
  return callbackPage(outcome, { id, about, request, detail, back: outcome === 'failed' ? back : home })
}

function cookiesOf(request: Request): string | undefined {
  return request.headers.get('cookie') ?? undefined
}

/** A script cannot follow to another site: its page has to go there. */
function tellScript(url: string): Response {
  return jsonResponse(401, { error: 'consent_required', url }, { 'cache-control': 'no-store' })
}
