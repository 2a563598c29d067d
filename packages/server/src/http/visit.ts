import { maxFormBytes, readForm } from 'countersign/editions'
import { chooseMessages } from '../pages/messages/choose-messages.js'
import type { Messages } from '../pages/messages/messages.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AuthRequest, InSession, Session, Storage } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'
import { cookieOf, longestCookieLife, readCookie, readProviderStates } from './cookies.js'
import { PageError } from './page-error.js'
import type { Arrival } from './route.js'

/** A browser's request: who sent it, for which page, and with which form fields. */
export interface Visit {
  request: Request
  requestId: string
  url: URL
  /** The value that matched `:id` in the route's path. */
  id: string
  /** The page's path and query, for returning to it. */
  path: string
  /** The browser's stable random cookie (W23). */
  browser: string
  browserHash: string
  /** Cookies that every page shown to this browser sets. */
  newCookies: readonly string[]
  /** Sign-ins at identity providers that were started in this browser. */
  providerStates: ReadonlyMap<string, string>
  /** The session of the signed-in user, if any. */
  session: Session | undefined
  sessionHash: string | undefined
  /** The request that the visit is about, if it was read with the session. */
  about: { tokenHash: string; request: AuthRequest | undefined; wasDenied: boolean | undefined } | undefined
  /** The messages in the language that the user chose or the browser prefers. */
  messages: Messages
  /** The fields of the submitted form; empty if there is none. */
  form: ReadonlyMap<string, string>
  /** The viewer for whom the form's page was made, as {@link viewerOf} returns it. */
  formOf: string
  /** The address that the request came from, if the platform reports it. */
  ip: string | undefined
  userAgent: string | undefined
}

/** A visit by a signed-in user. */
export type SignedInVisit = Visit & { session: Session }

/** The user and browser on whose behalf a signed-in visit acts, for the storage. The user's data is as it was read with the session. */
export function inSession({ browserHash, session: { user } }: SignedInVisit): InSession {
  return { browserHash, userId: user.id, credentialRevision: user.credentialRevision }
}

/**
 * Counts a page of a signed-in user, or a form.
 *
 * @param kind what is counted apart from everything else
 * @throws PageError `too_many_requests`
 */
export function requireFew({ views }: ServerContext, { session, path: retry }: SignedInVisit, kind: string): void {
  const retryAfter = views.count(`${kind} of ${session.user.id}`)
  if (retryAfter !== undefined) throw new PageError('too_many_requests', { retryAfter, retry })
}

const browserCookie = /^aabr_[A-Za-z0-9_-]{43}$/

/** The request that a visit is about. */
type AboutRequest = Omit<Parameters<Storage['findViewedRequest']>[0], 'sessionHash'>

/**
 * Opens a visit for a page request. A browser without a cookie is given one. An unknown session counts as signed out.
 *
 * @param about the request that the page is about, which is then read with the session
 */
export async function openVisit(context: ServerContext, arrival: Arrival, about?: AboutRequest): Promise<Visit> {
  const { request, received, requestId, id } = arrival
  const url = new URL(request.url)
  const presented = readCookie(context, request, 'browser')
  const sessionCookie = readCookie(context, request, 'session')
  const known = presented !== undefined && browserCookie.test(presented) ? presented : undefined
  const browser = known ?? context.secrets.random('aabr_')
  const sessionHash = sessionCookie === undefined ? undefined : hashSecret(sessionCookie)
  const read = await readSession(context, sessionHash, about)
  return {
    request,
    requestId,
    url,
    id,
    // A return path contains no backslash, because some programs read it as a slash.
    path: url.pathname + url.search.replaceAll('\\', '%5C'),
    browser,
    browserHash: hashSecret(browser),
    newCookies: known === undefined ? [cookieOf(context, 'browser', browser, longestCookieLife)] : [],
    providerStates: readProviderStates(context, request),
    ...read,
    sessionHash,
    messages: messagesFor(context, request),
    form: new Map(),
    formOf: viewerOf(read.session),
    ip: received.remoteAddress,
    userAgent: request.headers.get('user-agent')?.slice(0, 256),
  }
}

async function readSession(
  { storage }: ServerContext,
  sessionHash: string | undefined,
  wanted: AboutRequest | undefined,
): Promise<Pick<Visit, 'session' | 'about'>> {
  if (sessionHash === undefined) return { session: undefined, about: undefined }
  if (wanted === undefined) return { session: await storage.findSession(sessionHash), about: undefined }
  const viewed = await storage.findViewedRequest({ ...wanted, sessionHash })
  const session = viewed ? viewed.session : await storage.findSession(sessionHash)
  return { session, about: { tokenHash: wanted.tokenHash, request: viewed?.request, wasDenied: viewed?.wasDenied } }
}

/**
 * Opens a visit for a submitted form. Refuses a form that was not made for this browser by one of this server's pages (attacks C06, C07,
 * C22), and records the refusal in the audit log.
 *
 * @param tokenHashOf returns the token hash of the request that a form is about, which is then read with the session
 */
export async function openFormVisit(
  context: ServerContext,
  arrival: Arrival,
  tokenHashOf?: (form: ReadonlyMap<string, string>) => Promise<string | undefined>,
): Promise<Visit> {
  const form = readForm(arrival.request.headers.get('content-type'), await arrival.received.body(maxFormBytes))
  const tokenHash = await tokenHashOf?.(form)
  const visit = await openVisit(context, arrival, tokenHash === undefined ? undefined : { tokenHash })
  const { request, browser, session, ip } = visit
  const page = isSameOrigin(request, context.issuer)
    ? context.secrets.readCsrf(form.get('csrf') ?? '', browser)
    : undefined
  // A consent form is only ever shown to a signed-in user.
  const forged = page === undefined || (form.has('consent') && page === viewerOf(undefined))
  if (forged || isOfOtherSession(page, session)) {
    await context.recorder.recordEvent({ event: form.has('consent') ? 'consent.forged' : 'form.forged', ip })
    throw new PageError('csrf')
  }
  return { ...visit, form, formOf: page }
}

/** Returns the messages in the language that the user chose or the browser prefers. */
export function messagesFor(context: ServerContext, request: Request): Messages {
  return chooseMessages(request.headers.get('accept-language'), readCookie(context, request, 'language'))
}

// Browsers send both headers with forms. Other clients, such as scripted users, may send neither, but still need the cookie.
function isSameOrigin(request: Request, issuer: string): boolean {
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  return (origin === null || origin === new URL(issuer).origin) && (site === null || site === 'same-origin')
}

/** Returns a page's user and session as encoded in a form value: either anonymous, or the user without revealing who they are. */
export function viewerOf(session: Session | undefined): string {
  return session ? `${personOf(session)}~${hashSecret(`page in ${session.id}`).slice(0, 22)}` : 'anonymous'
}

/** Whether a page was made for the signed-in user, but in another session that has ended (W23). */
function isOfOtherSession(viewer: string, session: Session | undefined): boolean {
  return session !== undefined && viewer !== viewerOf(session) && viewer.startsWith(`${personOf(session)}~`)
}

/** A page's CSRF value, bound to this browser and to the page's viewer. */
export function csrfOf(
  { secrets }: ServerContext,
  { browser, session }: { browser: string; session: Session | undefined },
): string {
  return secrets.csrfFor(browser, viewerOf(session))
}

function personOf({ user }: Session): string {
  return hashSecret(`page of ${user.id}`).slice(0, 22)
}

/** Returns a path on this server; anything else is replaced with the account page. */
export function localPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes('\\') ? path : '/account'
}
