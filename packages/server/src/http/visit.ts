import type { ServerContext } from '../context.js'
import { hashSecret } from '../keys/minted-secrets.js'
import type { Session } from '../storage/storage.js'
import type { Cookies } from './cookies.js'

/** The browser behind a request, and who is signed in there. */
export interface Visitor {
  /** The browser's stable random cookie (W23). */
  browser: string
  browserHash: string
  /** Cookies that every answer to this visitor sets. */
  newCookies: readonly string[]
  session: Session | undefined
  sessionHash: string | undefined
}

const browserCookie = /^aabr_[A-Za-z0-9_-]{43}$/

/** Reads the cookies; a browser without one gets one, and a session that is not ours is nobody's. */
export async function identifyVisitor(context: ServerContext, cookies: Cookies, request: Request): Promise<Visitor> {
  const { browser: presented, session: sessionCookie } = cookies.read(request)
  const known = presented !== undefined && browserCookie.test(presented) ? presented : undefined
  const browser = known ?? context.secrets.random('aabr_')
  const sessionHash = sessionCookie === undefined ? undefined : hashSecret(sessionCookie)
  return {
    browser,
    browserHash: hashSecret(browser),
    newCookies: known === undefined ? [cookies.setBrowser(browser)] : [],
    session: sessionHash === undefined ? undefined : await context.storage.findSession(sessionHash),
    sessionHash,
  }
}

/** What a form value names as the page's user and session: nobody, or the person, without telling who. */
export function pageOf(session: Session | undefined): string {
  return session ? `${personOf(session)}~${hashSecret(`page in ${session.id}`).slice(0, 22)}` : 'anonymous'
}

/** Whether a page was made for the person who is signed in, but in another session of theirs: one that has ended (W23). */
export function isOfOtherSession(page: string, session: Session | undefined): boolean {
  return session !== undefined && page !== pageOf(session) && page.startsWith(`${personOf(session)}~`)
}

function personOf({ user }: Session): string {
  return hashSecret(`page of ${user.id}`).slice(0, 22)
}
