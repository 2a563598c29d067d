import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import { shareOf } from '../http/serve-request.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { LimitedAttempt } from '../storage/api/storage.js'

/** Who guesses. */
type Guesser = Pick<Visit, 'ip' | 'session' | 'request'>

const window = 600
const most = { network: 30, user: 10, request: 5 }

/**
 * Limits on links that lead to no request, in each window. A user who mistypes a code does so a few times. A user who is signed in, or comes
 * with a browser in which they signed in before, has only their own limit, so that no one else in their network can lock them out.
 */
function limitsOf(context: ServerContext, guesser: Guesser): LimitedAttempt[] {
  const user = userOf(context, guesser)
  if (user !== undefined) return [limit('user', user)]
  return guesser.ip === undefined ? [] : [limit('network', networkOf(guesser.ip))]
}

function userOf(context: ServerContext, { request, ip, session }: Guesser): string | undefined {
  if (session) return session.user.id
  const share = shareOf(context, request, ip)
  return share[0] === 'known' ? share.at(-1) : undefined
}

function limit(kind: 'user' | 'network', id: string): LimitedAttempt {
  return { key: hashSecret(`wrong links of ${kind} ${id}`), window, most: most[kind] }
}

/**
 * Refuses someone who has opened too many links that lead to no request, before anything is looked up.
 *
 * @throws PageError `too_many_requests`
 */
export async function requireFewGuesses(context: ServerContext, guesser: Guesser): Promise<void> {
  const { storage, now } = context
  const reached = await storage.findReachedLimit(limitsOf(context, guesser))
  if (reached) throw new PageError('too_many_requests', { retryAfter: Math.max(1, reached.resetAt - now()) })
}

/** Counts a link that leads to no request, against the one who opened it and against the request that has its handle. */
export async function countGuess(context: ServerContext, handle: string, guesser: Guesser): Promise<void> {
  const { storage } = context
  const limits = limitsOf(context, guesser)
  if (limits.length > 0) await storage.countWithinLimits(limits)
  await storage.countWrongLink({ linkHandle: handle, most: most.request })
}
