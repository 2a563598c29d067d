import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame } from '../http/html-response.js'
import { csrfOf, type SignedInVisit, type Visit, viewerOf } from '../http/visit.js'
import { assetPath } from '../pages/assets.js'
import type { AccountFrame } from '../pages/models/account-models.js'
import { cleanText } from '../policy/plain-text.js'

/** A page or a form of the account, for the person whose it is; the visit's `id` is the row's, where the path names one. */
export type AccountHandler = (context: ServerContext, visit: SignedInVisit) => Promise<Response>

/** The answer with a page. */
export function accountResponse(html: string, visit: SignedInVisit, status = 200): Response {
  return htmlResponse(html, { status, cookies: visit.newCookies })
}

const maxUser = 60

/** What every page of an account has. */
export function accountFrame(context: ServerContext, visit: SignedInVisit): AccountFrame {
  return {
    ...pageFrame(context, visit),
    accountStylesheet: assetPath('account.css'),
    user: cleanText(visit.session.user.username, maxUser),
    csrf: csrfOf(context, visit),
    now: context.now(),
  }
}

/** What an action of the account did, and when. */
interface Notice {
  what: string
  /** Unix seconds. */
  at: number
}

/** Seconds during which it is told. */
const toldFor = 600

/**
 * Where the browser is sent after an action: a page that tells what was done, however often it is opened again. Nobody
 * but this browser, in the same session, is told; a link that somebody else made tells nothing.
 */
export function pathWithNotice(
  { secrets }: ServerContext,
  { browser, session }: Pick<Visit, 'browser' | 'session'>,
  { path, what, at }: Notice & { path: string },
): string {
  return `${path}?notice=${secrets.noticeFor(browser, `${what}~${at}~${viewerOf(session)}`)}`
}

/** What the address of a page says was done, if this server said so to this browser, a short while ago. */
export function readNotice({ secrets, now }: ServerContext, { browser, session, url }: Visit): Notice | undefined {
  const [what = '', at, ...page] = (secrets.readNotice(url.searchParams.get('notice') ?? '', browser) ?? '').split('~')
  return page.join('~') === viewerOf(session) && now() - Number(at) <= toldFor ? { what, at: Number(at) } : undefined
}
