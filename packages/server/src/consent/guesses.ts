import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { LimitedAttempt } from '../storage/api/storage.js'

/** Who guesses: a network, and the user, if one has signed in. */
type Guesser = Pick<Visit, 'ip' | 'session'> | undefined

const window = 600
const most = { network: 30, user: 10, request: 5 }

/** Limits on links that lead to no request, in each window. A user who mistypes a code does so a few times. */
function limitsOf(guesser: Guesser): LimitedAttempt[] {
  const counted = [
    ...(guesser?.ip === undefined ? [] : [['network', networkOf(guesser.ip)] as const]),
    ...(guesser?.session ? [['user', guesser.session.user.id] as const] : []),
  ]
  return counted.map(([kind, id]) => ({ key: hashSecret(`wrong links of ${kind} ${id}`), window, most: most[kind] }))
}

/**
 * Refuses someone who has opened too many links that lead to no request, before anything is looked up.
 *
 * @throws PageError `too_many_requests`
 */
export async function requireFewGuesses({ storage, now }: ServerContext, guesser: Guesser): Promise<void> {
  const reached = await storage.findReachedLimit(limitsOf(guesser))
  if (reached) throw new PageError('too_many_requests', { retryAfter: Math.max(1, reached.resetAt - now()) })
}

/** Counts a link that leads to no request, against the one who opened it and against the request that has its handle. */
export async function countGuess({ storage }: ServerContext, handle: string, guesser: Guesser): Promise<void> {
  const limits = limitsOf(guesser)
  if (limits.length > 0) await storage.countWithinLimits(limits)
  await storage.countWrongLink({ linkHandle: handle, most: most.request })
}
