import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { shareOf } from '../http/serve-request.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { LimitedAttempt, ReachedLimit, User } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'

type PasswordCheck =
  | { outcome: 'right'; user: User; addedAt: number }
  | { outcome: 'wrong' }
  | { outcome: 'throttled'; retryAfter: number }

/**
 * Checks a password within the limits of {@link limitsOf}.
 *
 * Only a wrong password that was actually checked is counted, and the result is returned only if the count is still within every limit. An
 * attempt that was refused, aborted or failed therefore leaves nothing to undo, even if the process is killed. If an attempt had to wait
 * and a limit was reached in the meantime, the password is not checked. Until the check, the same statements run for every username,
 * whether or not the account exists (attacks C17).
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
    return { outcome: 'throttled', retryAfter: secondsUntil(reached?.resetAt ?? 0, context.now()) }
  }

  const reached = await storage.findReachedLimit(limits)
  if (reached) return throttled(reached)
  const credential = await storage.findCredential(username)
  const share = shareOf(context, request, ip)
  const mayCompare = async () => (await storage.findReachedLimit(limits)) === undefined
  const matches = await context.passwords.verify(credential?.passwordHash, password, share, mayCompare)
  if (request.signal.aborted) throw new AAuthError('unavailable', 'The client disconnected during the sign-in.')
  // Until the attempt is known to be within the limits, the same statements run whether or not the password is right.
  const since = await storage.findReachedLimit(limits)
  if (since || matches === undefined) return throttled(since)
  if (credential && matches && credential.user.status === 'active') {
    // With a second factor, only the code completes the sign-in. A password that is already known must not allow more guesses at the code.
    if (!(await storage.findSecondFactor(credential.user.id))) await storage.clearAttempts(own)
    return { outcome: 'right', user: credential.user, addedAt: credential.addedAt }
  }
  const exceeded = await storage.countWithinLimits(limits)
  if (exceeded) return throttled(exceeded)
  const data = { userAgent: userAgent ?? null }
  await storage.recordEvent({ event: 'signin.failed', username, ip, data })
  return { outcome: 'wrong' }
}

const minutes15 = 900
const day = 86_400

/** Limits on wrong passwords and codes (attacks C16). A known browser is one that has been signed in to the account before. */
const allowed = {
  accountFromKnownBrowser: { window: minutes15, most: 10 },
  accountFromAddress: { window: minutes15, most: 5 },
  accountFromNetwork: { window: minutes15, most: 20 },
  accountFromUnknownBrowsers: { window: day, most: 100 },
  /** Applies across all usernames, so that an attacker cannot try one password on many accounts. */
  address: { window: minutes15, most: 29 },
  network: { window: minutes15, most: 145 },
} as const

interface SignInLimits {
  limits: LimitedAttempt[]
  /** The limit for this account in this browser, or from this address. A sign-in resets only this limit. */
  own: LimitedAttempt
}

/**
 * Returns the limits that apply to a sign-in attempt. A known browser has only its own limit, so that no one else's attempts can lock it
 * out. An address is an IPv4 address or an IPv6 /64; a network is a /24 or a /48. If the platform reports no address, all unknown browsers
 * share the limits per account, and there are no limits across accounts.
 */
export function limitsOf(attempt: {
  username: string
  ip: string | undefined
  browserHash: string
  isKnownDevice: boolean
}): SignInLimits {
  const { username: account, ip, browserHash, isKnownDevice } = attempt
  const limit = (of: string, most: (typeof allowed)[keyof typeof allowed]) => ({
    key: hashSecret(`sign-in ${of}`),
    ...most,
  })
  if (isKnownDevice) {
    const own = { account, ...limit(`browser ${browserHash}`, allowed.accountFromKnownBrowser) }
    return { limits: [own], own }
  }
  const [address, network] = ip === undefined ? ['', ''] : [networkOf(ip), networkOf(ip, 'site')]
  const own = { account, ...limit(`address ${address}`, allowed.accountFromAddress) }
  const perAccount = [
    own,
    { account, ...limit(`network ${network}`, allowed.accountFromNetwork) },
    { account, ...limit('unknown browsers', allowed.accountFromUnknownBrowsers) },
  ]
  if (ip === undefined) return { limits: perAccount, own }
  const forAll = [limit(`address ${address}`, allowed.address), limit(`network ${network}`, allowed.network)]
  return { limits: [...forAll, ...perAccount], own }
}
