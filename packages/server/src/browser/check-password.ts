import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import { verifyPassword } from '../passwords.js'
import type { User } from '../storage/storage.js'
import type { Submission } from './submission.js'

export type PasswordCheck =
  | { outcome: 'right'; user: User }
  | { outcome: 'wrong' }
  | { outcome: 'throttled'; retryAfter: number }

/** Wrong passwords in 15 minutes: to one account, and from one address (attacks C16). */
const limits = { window: 900, account: 5, address: 29 }

/**
 * Checks a password. An account that was guessed at too often answers only to browsers in which it was signed in before,
 * and an address that guesses too often not at all; unknown names are counted and take as long as known ones.
 */
export async function checkPassword(
  context: ServerContext,
  { visitor, ip }: Submission,
  username: string,
  password: string,
): Promise<PasswordCheck> {
  const { storage } = context
  const credential = await storage.findCredential(username)
  const accountKey = hashSecret(`sign-in account ${username.normalize('NFKC').toLowerCase()}`)
  const account = await storage.countAttempt({ key: accountKey, window: limits.window })
  const address = await countAddress(context, ip)
  const known = credential
    ? await storage.isKnownDevice({ userId: credential.user.id, browserHash: visitor.browserHash })
    : false
  const tooMany = (account.count > limits.account && !known) || address.count > limits.address
  if (tooMany) {
    const resetAt = address.count > limits.address ? address.resetAt : account.resetAt
    await storage.recordEvent({ event: 'signin.throttled', userId: credential?.user.id, ip })
    return { outcome: 'throttled', retryAfter: Math.max(1, resetAt - context.now()) }
  }
  const matches = await verifyPassword(credential?.passwordHash, password)
  if (!credential || !matches || credential.user.status !== 'active') {
    await storage.recordEvent({ event: 'signin.failed', userId: credential?.user.id, ip })
    return { outcome: 'wrong' }
  }
  await storage.clearAttempts(accountKey)
  return { outcome: 'right', user: credential.user }
}

// Where the platform tells no address, one limit for everybody would let anybody lock everybody out.
async function countAddress(
  { storage }: ServerContext,
  ip: string | undefined,
): Promise<{ count: number; resetAt: number }> {
  if (ip === undefined) return { count: 0, resetAt: 0 }
  return storage.countAttempt({ key: hashSecret(`sign-in address ${ip}`), window: limits.window })
}
