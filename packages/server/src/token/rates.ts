import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../keys/minted-secrets.js'
import type { SigningAgent } from './signed-form.js'

/** How many requests for access are let through in a window, counted in the storage and so on all instances together. */
interface Rate {
  /** What is counted. */
  of: string
  /** Seconds. */
  window: number
  most: number
}

/**
 * Requests for access in a minute, from one address and from one agent (attacks A20). The address comes first: agents
 * that are made up for it leave no more counters than it may send requests.
 *
 * @throws AAuthError `too_many_requests`
 */
export function requireRate(context: ServerContext, { agent, remoteAddress }: SigningAgent): Promise<void> {
  return countAll(context, [
    ...(remoteAddress === undefined ? [] : [{ of: `address ${networkOf(remoteAddress)}`, window: 60, most: 1000 }]),
    { of: `agent ${agent}`, window: 60, most: 300 },
  ])
}

/**
 * Requests in an hour from one address for agents that nobody has allowed anything yet: each leaves rows that are kept
 * for months.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireNewcomerRate(context: ServerContext, { remoteAddress }: SigningAgent): Promise<void> {
  if (remoteAddress === undefined) return
  await countAll(context, [{ of: `unknown agents at ${networkOf(remoteAddress)}`, window: 3600, most: 1000 }])
}

async function countAll({ storage, now }: ServerContext, rates: readonly Rate[]): Promise<void> {
  const counted: string[] = []
  for (const { of, window, most } of rates) {
    const key = hashSecret(`requests of ${of}`)
    const { count, resetAt } = await storage.countAttempt({ key, window })
    if (count > most) {
      // One agent beyond its own limit takes nothing from the others at its address.
      await Promise.all(counted.map((before) => storage.forgiveAttempt(before)))
      const retryAfter = Math.max(1, resetAt - now())
      throw new AAuthError('too_many_requests', 'Too many requests for access.', { retryAfter })
    }
    counted.push(key)
  }
}
