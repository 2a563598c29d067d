import { knownBrowserAge } from '../admission/known-callers.js'
import type { ServerContext } from '../http/context.js'
import { cookieOf } from '../http/cookies.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { Session, User } from '../storage/api/storage.js'
import { type Destination, fieldsOf } from './render-sign-in.js'

/**
 * Starts a session with a new id, whatever session the browser had before (attacks C18), and makes the browser known. A user who signs in
 * again without having signed out continues the same session under a new id, so that pages in other tabs still work. `authTime` is when the
 * user proved who they are, by default now. Returns the cookies to set.
 */
export async function startSession(
  context: ServerContext,
  visit: Visit,
  { user, factorAddedAt, amr, provedFor, authTime }: Proof & { authTime?: number },
): Promise<readonly string[]> {
  const { id: userId, credentialRevision } = user
  const { storage, lifetimes, maxSessions: most } = context
  const { browserHash, ip, userAgent } = visit
  if (authTime === undefined && visit.session?.user.id === userId) {
    const renewed = await renewSession(context, visit, { user, factorAddedAt, amr, provedFor })
    if (renewed.length > 0) return renewed
  }
  const session = context.secrets.random('aasn_')
  // The seal is made before the session is created, so that a later password change invalidates the seal.
  const known = knownCookie(context, visit, userId)
  const { sessionIdle: idleSeconds, session: lifetime } = lifetimes
  const idHash = hashSecret(session)
  const started = await storage.createSession({
    idHash,
    userId,
    credentialRevision,
    factorAddedAt,
    replaces: visit.sessionHash,
    idleSeconds,
    lifetime,
    most,
    amr,
    authTime,
    provedFor,
    browserHash,
    ip,
    userAgent,
  })
  if (!started) throw signInChanged(visit)
  return [...visit.newCookies, cookieOf(context, 'session', session, lifetime), known]
}

/** Returns a cookie that makes a browser known after a sign-in. */
export function knownCookie(context: ServerContext, { browser }: Visit, userId: string): string {
  return cookieOf(context, 'known', context.knownCallers.sealFor({ browser, userId }), knownBrowserAge)
}

/** Ends a browser's session. Returns the cookies to set. */
export async function endSession(context: ServerContext, { sessionHash }: Visit): Promise<readonly string[]> {
  if (sessionHash !== undefined) await context.storage.endSession(sessionHash)
  return [clearedSession(context)]
}

/** Returns the cookie that clears the session. */
export function clearedSession(context: ServerContext): string {
  return cookieOf(context, 'session', '', 0)
}

/** An accepted proof: the user's record as it was read with the verified factor. */
export interface Proof {
  user: Pick<User, 'id' | 'credentialRevision'>
  /**
   * When the factor was added, in Unix seconds. A factor added in the last 24 hours can be used to sign in, but proves nothing if the user
   * has an older one.
   */
  factorAddedAt: number
  amr: Session['amr']
  /** The token hash of the request for which the proof was made. */
  provedFor?: string | undefined
}

/** The user changed how they sign in, or signed out, after their proof or session was read, so that proof or session no longer counts. */
export function signInChanged({ path }: Pick<Visit, 'path'>): PageError {
  return new PageError('sign_in_changed', { retry: path })
}

/**
 * Continues the session under a new id after the user has proved again who they are. Returns the cookies to set; returns none if the
 * session has ended, or if the user's record has changed since their proof was checked.
 */
export async function renewSession(
  context: ServerContext,
  { sessionHash }: Visit,
  { user: { credentialRevision }, factorAddedAt, amr, provedFor }: Proof,
): Promise<readonly string[]> {
  if (sessionHash === undefined) return []
  const session = context.secrets.random('aasn_')
  const newIdHash = hashSecret(session)
  const renewed = await context.storage.reauthenticate({
    idHash: sessionHash,
    newIdHash,
    credentialRevision,
    factorAddedAt,
    amr,
    provedFor,
  })
  return renewed ? [cookieOf(context, 'session', session, Math.max(1, renewed.expiresAt - context.now()))] : []
}

/** For how many seconds after signing in a user does not need to reauthenticate (attacks C24). */
const freshFor = 600

/** Whether the user has recently proved who they are. A session alone is not proof, because it may have been left open or stolen. */
export function isFresh({ now }: ServerContext, { authTime }: Session): boolean {
  return now() - authTime <= freshFor
}

/** A form that was made for another user in the same browser. The page offers to continue as the current user, or to sign in as another. */
export function accountChanged(
  context: ServerContext,
  visit: Visit,
  { path, fields }: Omit<Destination, 'asker'>,
): PageError {
  return new PageError('account_changed', {
    retry: path,
    user: visit.session?.user.username,
    switchAccount: fieldsOf(context, visit, { action: path, fields }),
  })
}
