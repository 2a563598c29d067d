import type { ServerContext } from '../http/context.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { LimitedAttempt } from '../storage/api/storage.js'

/** How often one person can allow something in a window of seconds: nobody reads faster. */
const rate = { window: 60, most: 60 }

/**
 * What is counted where a person allows something, with a page or without. What each leaves is kept for a year and, once
 * removed, told to every resource: an account with an agent of its own must not fill the database, nor the list of revocations.
 */
export function allowing({ rateFactor }: ServerContext, userId: string): LimitedAttempt {
  return { key: hashSecret(`allowed by ${userId}`), window: rate.window, most: rate.most * rateFactor }
}
