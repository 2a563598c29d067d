import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import type { Submission } from '../http/submission.js'
import type { Visitor } from '../http/visit.js'
import { hashSecret } from '../keys/minted-secrets.js'
import type { Session } from '../storage/storage.js'

/**
 * Starts a session with a new id, whatever the browser held before (attacks C18), and remembers the browser. Who signs in
 * again without having signed out goes on in the same session under a new id, so that pages in other tabs still work.
 * `authTime` is when the person showed who they are, now by default. Returns the cookies to set.
 */
export async function startSession(
  context: ServerContext,
  cookies: Cookies,
  { visitor, ip, userAgent }: Pick<Submission, 'visitor' | 'ip' | 'userAgent'>,
  userId: string,
  amr: Session['amr'],
  authTime?: number,
): Promise<readonly string[]> {
  const { storage, lifetimes, maxSessions: most } = context
  if (authTime === undefined && visitor.session?.user.id === userId) {
    const renewed = await renewSession(context, cookies, { visitor }, amr)
    if (renewed.length > 0) return renewed
  }
  if (visitor.sessionHash !== undefined) await storage.endSession(visitor.sessionHash)
  const session = context.secrets.random('aasn_')
  const { sessionIdle: idleSeconds, session: lifetime } = lifetimes
  const idHash = hashSecret(session)
  await storage.createSession({ idHash, userId, idleSeconds, lifetime, most, amr, authTime, ip, userAgent })
  await storage.rememberDevice({ userId, browserHash: visitor.browserHash })
  return [...visitor.newCookies, cookies.setSession(session, lifetime)]
}

/** Ends the visitor's session. Returns the cookies to set. */
export async function endSessionOf(
  { storage }: ServerContext,
  cookies: Cookies,
  { sessionHash }: Visitor,
): Promise<readonly string[]> {
  if (sessionHash !== undefined) await storage.endSession(sessionHash)
  return [cookies.clearSession()]
}

/** The same session under a new id, after the person proved again who they are. Returns the cookies to set. */
export async function renewSession(
  context: ServerContext,
  cookies: Cookies,
  { visitor }: Pick<Submission, 'visitor'>,
  amr?: Session['amr'],
): Promise<readonly string[]> {
  if (visitor.sessionHash === undefined) return []
  const session = context.secrets.random('aasn_')
  const newIdHash = hashSecret(session)
  const renewed = await context.storage.reauthenticate({ idHash: visitor.sessionHash, newIdHash, amr })
  return renewed ? [cookies.setSession(session, Math.max(1, renewed.expiresAt - context.now()))] : []
}
