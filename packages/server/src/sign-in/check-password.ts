import { networkOf } from 'countersign/wire'
import { recordSparingly } from '../audit/record-sparingly.js'
import type { ServerContext } from '../context.js'
import { shareOf } from '../http/share-of.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import { foldUsername, type User } from '../storage/storage.js'

type PasswordCheck =
  | { outcome: 'right'; user: User }
  | { outcome: 'wrong' }
  | { outcome: 'throttled'; retryAfter: number }

/** Passwords tried in 15 minutes: for one account, from one address, and in one browser that knows the account (attacks C16). */
const limits = { window: 900, account: 5, address: 29, device: 10 }

/**
 * Checks a password. An account that was guessed at too often answers only to browsers in which it was signed in before,
 * and an address that guesses too often only to those, too; such a browser has a limit of its own, since not everybody at
 * it is the account's owner. Unknown names are counted and take as long as known ones.
 */
export async function checkPassword(
  context: ServerContext,
  { request, browserHash, ip, userAgent }: Visit,
  { username, password }: { username: string; password: string },
): Promise<PasswordCheck> {
  const { storage } = context
  const credential = await storage.findCredential(username)
  const account = hashSecret(`sign-in account ${foldUsername(username)}`)
  const address = ip === undefined ? undefined : hashSecret(`sign-in address ${networkOf(ip)}`)
  const known = credential ? await storage.isKnownDevice({ userId: credential.user.id, browserHash }) : false
  const device = known ? hashSecret(`sign-in device ${foldUsername(username)} ${browserHash}`) : undefined
  // Where the platform tells no address, one limit for everybody would let anybody lock everybody out.
  const counted = [
    ...(device === undefined ? [] : [{ key: device, most: limits.device }]),
    ...(address === undefined ? [] : [{ key: address, most: known ? Number.POSITIVE_INFINITY : limits.address }]),
    { key: account, most: known ? Number.POSITIVE_INFINITY : limits.account },
  ]
  // Whoever guesses too often makes no counter for each name they invent: what comes first must let them through.
  for (const { key, most } of counted) {
    const { count, resetAt } = await storage.countAttempt({ key, window: limits.window })
    if (count <= most) continue
    await recordSparingly(context, { event: 'signin.throttled', userId: credential?.user.id, ip })
    return { outcome: 'throttled', retryAfter: Math.max(1, resetAt - context.now()) }
  }
  const matches = await context.passwords.verify(credential?.passwordHash, password, shareOf(context, request, ip))
  if (!credential || !matches || credential.user.status !== 'active') {
    const data = { userAgent: userAgent ?? null }
    await storage.recordEvent({ event: 'signin.failed', userId: credential?.user.id, ip, data })
    return { outcome: 'wrong' }
  }
  await storage.clearAttempts(account)
  if (device !== undefined) await storage.clearAttempts(device)
  if (address !== undefined) await storage.forgiveAttempts([address])
  return { outcome: 'right', user: credential.user }
}
