import { hashSecret } from '../secrets/minted-secrets.js'
import type { Session } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'

/** What a form value names as the page's user and session: nobody, or the person, without telling who. */
export function viewerOf(session: Session | undefined): string {
  return session ? `${personOf(session)}~${hashSecret(`page in ${session.id}`).slice(0, 22)}` : 'anonymous'
}

/** Whether a page was made for the person who is signed in, but in another session of theirs: one that has ended (W23). */
export function isOfOtherSession(viewer: string, session: Session | undefined): boolean {
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
