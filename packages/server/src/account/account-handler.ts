import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame } from '../http/html-response.js'
import { csrfOf, type SignedInVisit, type Visit, viewerOf } from '../http/visit.js'
import { cleanUsername } from '../lib/plain-text.js'
import { assetPath } from '../pages/assets.js'
import type { AccountFrame } from '../pages/models/account-models.js'

/** Handles an account page or form for the signed-in owner of the account. The visit's `id` is the row id in the path, if any. */
export type AccountHandler = (context: ServerContext, visit: SignedInVisit) => Promise<Response>

/** Returns a response with an account page. */
export function accountResponse(
  html: string,
  visit: SignedInVisit,
  { status = 200, retryAfter }: { status?: number; retryAfter?: number | undefined } = {},
): Response {
  return htmlResponse(html, { status, cookies: visit.newCookies, retryAfter })
}

/** The members that every account page needs. */
export function accountFrame(context: ServerContext, visit: SignedInVisit): AccountFrame {
  return {
    ...pageFrame(context, visit),
    accountStylesheet: assetPath('account.css'),
    user: cleanUsername(visit.session.user.username),
    csrf: csrfOf(context, visit),
    now: context.now(),
  }
}

/** What an account action did, and when. */
interface Notice {
  what: string
  /** Unix seconds. */
  at: number
}

/** How long a notice can be shown, in seconds. */
const noticeLifetime = 600

/**
 * Returns the path to redirect to after an action: a page with a notice of what was done, which is still shown if the page is reloaded.
 * Only this browser, in the same session, sees the notice; a link made by someone else does not show it.
 */
export function pathWithNotice(
  { secrets }: ServerContext,
  { browser, session }: Pick<Visit, 'browser' | 'session'>,
  { path, what, at }: Notice & { path: string },
): string {
  return `${path}?notice=${secrets.noticeFor(browser, `${what}~${at}~${viewerOf(session)}`)}`
}

/** Reads the notice in the URL of a page. Returns undefined unless this server issued it to this browser and session recently. */
export function readNotice({ secrets, now }: ServerContext, { browser, session, url }: Visit): Notice | undefined {
  const [what = '', at, ...page] = (secrets.readNotice(url.searchParams.get('notice') ?? '', browser) ?? '').split('~')
  return page.join('~') === viewerOf(session) && now() - Number(at) <= noticeLifetime
    ? { what, at: Number(at) }
    : undefined
}
