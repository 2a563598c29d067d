import { maxFormBytes, readForm } from 'countersign/editions'
import { chooseMessages } from '../pages/messages/choose-messages.js'
import type { Messages } from '../pages/messages/messages.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AuthRequest, InSession, Session } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'
import { cookieOf, longestCookieLife, readCookie, readProviderStates } from './cookies.js'
import { PageError } from './page-error.js'
import type { Arrival } from './route.js'

/** A request of a browser: who is there, where, and what they sent. */
export interface Visit {
  request: Request
  requestId: string
  url: URL
  /** What `:id` in the route's path stood for. */
  id: string
  /** Path and query of the page that is shown, to come back to. */
  path: string
  /** The browser's stable random cookie (W23). */
  browser: string
  browserHash: string
  /** Cookies that every page shown to this browser sets. */
  newCookies: readonly string[]
  /** Sign-ins at identity providers that were begun here. */
  providerStates: ReadonlyMap<string, string>
  /** Who is signed in there. */
  session: Session | undefined
  sessionHash: string | undefined
  /** The request that the visit is about, where it was read with the session. */
  about: { tokenHash: string; request: AuthRequest | undefined } | undefined
  /** In the language that the person picked, or the browser prefers. */
  messages: Messages
  /** The fields of a form; empty where none was sent. */
  form: ReadonlyMap<string, string>
  /** Whom the page of the form was made for, as {@link viewerOf} says. */
  formOf: string
  /** Where the request came from, where the platform tells. */
  ip: string | undefined
  userAgent: string | undefined
}

/** A visit of somebody who is signed in. */
export type SignedInVisit = Visit & { session: Session }

/** Whose decision an action of a signed-in visit is, for the storage: the user as they were read with their session. */
export function inSession({ browserHash, session: { user } }: SignedInVisit): InSession {
  return { browserHash, userId: user.id, credentialRevision: user.credentialRevision }
}

const browserCookie = /^aabr_[A-Za-z0-9_-]{43}$/

/**
 * Who asks for a page. A browser without a cookie gets one. An unknown session counts as signed out.
 *
 * @param tokenHash of the request that the page is about, which is then read with the session
 */
export async function openVisit(context: ServerContext, arrival: Arrival, tokenHash?: string): Promise<Visit> {
  const { request, received, requestId, id } = arrival
  const url = new URL(request.url)
  const presented = readCookie(context, request, 'browser')
  const sessionCookie = readCookie(context, request, 'session')
  const known = presented !== undefined && browserCookie.test(presented) ? presented : undefined
  const browser = known ?? context.secrets.random('aabr_')
  const sessionHash = sessionCookie === undefined ? undefined : hashSecret(sessionCookie)
  const { session, about } = await readSession(context, sessionHash, tokenHash)
  return {
    request,
    requestId,
    url,
    id,
    path: url.pathname + url.search,
    browser,
    browserHash: hashSecret(browser),
    newCookies: known === undefined ? [cookieOf(context, 'browser', browser, longestCookieLife)] : [],
    providerStates: readProviderStates(context, request),
    session,
    sessionHash,
    about,
    messages: messagesFor(context, request),
    form: new Map(),
    formOf: viewerOf(session),
    ip: received.remoteAddress,
    userAgent: request.headers.get('user-agent')?.slice(0, 256),
  }
}

async function readSession(
  { storage }: ServerContext,
  sessionHash: string | undefined,
  tokenHash: string | undefined,
): Promise<Pick<Visit, 'session' | 'about'>> {
  if (sessionHash === undefined) return { session: undefined, about: undefined }
  if (tokenHash === undefined) return { session: await storage.findSession(sessionHash), about: undefined }
  const viewed = await storage.findViewedRequest({ tokenHash, sessionHash })
  const session = viewed ? viewed.session : await storage.findSession(sessionHash)
  return { session, about: { tokenHash, request: viewed?.request } }
}

/**
 * Who sends a form, and the form; refuses one that no page of this server made for this browser (attacks C06, C07, C22).
 * What is refused leaves an audit row.
 *
 * @param tokenHashOf of the request that a form is about, which is then read with the session
 */
export async function openFormVisit(
  context: ServerContext,
  arrival: Arrival,
  tokenHashOf?: (form: ReadonlyMap<string, string>) => Promise<string | undefined>,
): Promise<Visit> {
  const form = readForm(arrival.request.headers.get('content-type'), await arrival.received.body(maxFormBytes))
  const visit = await openVisit(context, arrival, await tokenHashOf?.(form))
  const { request, browser, session, ip } = visit
  const page = isSameOrigin(request, context.issuer)
    ? context.secrets.readCsrf(form.get('csrf') ?? '', browser)
    : undefined
  // Nobody was shown a consent form without being signed in.
  const forged = page === undefined || (form.has('consent') && page === viewerOf(undefined))
  if (forged || isOfOtherSession(page, session)) {
    await context.recorder.recordEvent({ event: form.has('consent') ? 'consent.forged' : 'form.forged', ip })
    throw new PageError('csrf')
  }
  return { ...visit, form, formOf: page }
}

/** The language a person picked, or the browser prefers. */
export function messagesFor(context: ServerContext, request: Request): Messages {
  return chooseMessages(request.headers.get('accept-language'), readCookie(context, request, 'language'))
}

// Browsers send both headers with forms; other clients, such as scripted users, may send neither and still need the cookie.
function isSameOrigin(request: Request, issuer: string): boolean {
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  return (origin === null || origin === new URL(issuer).origin) && (site === null || site === 'same-origin')
}

/** What a form value names as the page's user and session: nobody, or the person, without telling who. */
export function viewerOf(session: Session | undefined): string {
  return session ? `${personOf(session)}~${hashSecret(`page in ${session.id}`).slice(0, 22)}` : 'anonymous'
}

/** Whether a page was made for the person who is signed in, but in another session of theirs: one that has ended (W23). */
function isOfOtherSession(viewer: string, session: Session | undefined): boolean {
  return session !== undefined && viewer !== viewerOf(session) && viewer.startsWith(`${personOf(session)}~`)
}

/** The form value of a page: for this browser, and whom it is shown to. */
export function csrfOf(
  { secrets }: ServerContext,
  { browser, session }: { browser: string; session: Session | undefined },
): string {
  return secrets.csrfFor(browser, viewerOf(session))
}

function personOf({ user }: Session): string {
  return hashSecret(`page of ${user.id}`).slice(0, 22)
}

/** A path of this server; anything else leads to the account. */
export function localPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') ? path : '/account'
}
