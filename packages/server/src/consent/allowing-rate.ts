import type { ServerContext } from '../context.js'
import { hashSecret } from '../secrets/minted-secrets.js'

/** How often one person can allow something in a window of seconds: nobody reads faster. */
const rate = { window: 60, most: 60 }

/**
 * Counts that a person allows something, with a page or without. What each leaves is kept for a year and, once removed,
 * told to every resource: an account with an agent of its own must not fill the database, nor the list of revocations.
 *
 * @returns seconds to wait where it was too often, else undefined
 */
export async function waitBeforeAllowing(
  { storage, now, rateFactor }: ServerContext,
  userId: string,
): Promise<number | undefined> {
  const key = hashSecret(`allowed by ${userId}`)
  const { count, resetAt } = await storage.countAttempt({ key, window: rate.window })
  return count > rate.most * rateFactor ? Math.max(1, resetAt - now()) : undefined
}
