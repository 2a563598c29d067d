import type { ServerContext } from '../http/context.js'
import { viewerOf } from '../http/viewer-of.js'
import type { Visit } from '../http/visit.js'

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
