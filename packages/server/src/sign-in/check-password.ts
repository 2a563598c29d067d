import { AAuthError } from 'countersign'
import type { ServerContext } from '../http/context.js'
import { shareOf } from '../http/share-of.js'
import type { Visit } from '../http/visit.js'
import type { ReachedLimit, User } from '../storage/api/storage.js'
import { limitsOf } from './sign-in-limits.js'

type PasswordCheck =
  | { outcome: 'right'; user: User; addedAt: number }
  | { outcome: 'wrong' }
  | { outcome: 'throttled'; retryAfter: number }

/**
 * Checks a password within the limits of {@link limitsOf}.
 *
 * Only a wrong password that was compared is counted, and the result is returned only if the count is still within every
 * limit: an attempt that was refused, aborted or failed leaves nothing to take back, even if the process is killed. One that
 * had to wait is not compared if a limit was reached in the meantime. Until the password is compared, the same statements run
 * for every username, whether or not the account exists (attacks C17).
 *
 * @throws AAuthError `unavailable` if too many passwords are waiting to be checked, or the client disconnected
 */
export async function checkPassword(
  context: ServerContext,
  { request, browserHash, ip, userAgent }: Pick<Visit, 'request' | 'browserHash' | 'ip' | 'userAgent'>,
  { username, password }: { username: string; password: string },
): Promise<PasswordCheck> {
  const { storage } = context
  const isKnownDevice = await storage.isKnownDevice({ username, browserHash })
  const { limits, own } = limitsOf({ username, ip, browserHash, isKnownDevice })

  async function throttled(reached?: ReachedLimit): Promise<PasswordCheck> {
    // A network that has reached its own limit must not fill the audit log with a row for each username it tries.
    await context.recorder.recordEvent({ event: 'signin.throttled', username: reached?.limit.account, ip })
    return { outcome: 'throttled', retryAfter: Math.max(1, (reached?.resetAt ?? 0) - context.now()) }
  }

  const reached = await storage.findReachedLimit(limits)
  if (reached) return throttled(reached)
  const credential = await storage.findCredential(username)
  const share = shareOf(context, request, ip)
  const mayCompare = async () => (await storage.findReachedLimit(limits)) === undefined
  const matches = await context.passwords.verify(credential?.passwordHash, password, share, mayCompare)
  if (request.signal.aborted) throw new AAuthError('unavailable', 'The client disconnected during its sign-in.')
  // The same statements, whether or not the password is right, until it is known to be within the limits.
  const since = await storage.findReachedLimit(limits)
  if (since || matches === undefined) return throttled(since)
  if (credential && matches && credential.user.status === 'active') {
    await storage.clearAttempts(own)
    return { outcome: 'right', user: credential.user, addedAt: credential.addedAt }
  }
  const exceeded = await storage.countWithinLimits(limits)
  if (exceeded) return throttled(exceeded)
  const data = { userAgent: userAgent ?? null }
  await storage.recordEvent({ event: 'signin.failed', username, ip, data })
  return { outcome: 'wrong' }
}
