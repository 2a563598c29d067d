import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { SigningAgent } from './signed-request.js'

/** How many requests for access are let through in a window, counted in the storage and so on all instances together. */
interface Rate {
  /** What is counted. */
  of: string
  /** Seconds. */
  window: number
  /** Before the setting that multiplies it. */
  most: number
  /** Whether more are let through all the same. */
  mayExceed?: (count: number) => Promise<boolean>
}

/**
 * Requests for access in a minute, from one address and from one agent (attacks A20). The address comes first: agents
 * that are made up for it leave no more counters than it may send requests.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireRate(context: ServerContext, { agent, remoteAddress }: SigningAgent): Promise<void> {
  await countAll(context, [
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

/** From how many people on an agent is bounded by its rate in a minute alone. */
const manyPeople = 500

/** What an agent may ask for at least, and for each person who has allowed it something. */
const lasting = [
  { span: 'hour', window: 3600, most: 300, perPerson: 20 },
  { span: 'day', window: 86_400, most: 1500, perPerson: 100 },
] as const

/**
 * Requests in an hour and in a day of agents that somebody has allowed something, but not many people: each leaves rows
 * that are kept for more than a year, and whoever allows an agent of their own could fill the database with them. From one
 * address, too, since they may have many agents.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireLastingRate(
  context: ServerContext,
  { agent, remoteAddress }: SigningAgent,
): Promise<void> {
  const rates = lasting.map(({ span, window, most, perPerson }) => ({
    of: `agent ${agent} per ${span}`,
    window,
    most,
    mayExceed: (count: number) =>
      isAllowedBy(context, agent, Math.min(manyPeople, (count - most * context.rateFactor) / perPerson)),
  }))
  const counts = await countAll(context, rates)
  const isSmall = counts.every((count, index) => count <= (rates[index]?.most ?? 0) * context.rateFactor)
  if (!isSmall || remoteAddress === undefined) return
  await countAll(context, [{ of: `small agents at ${networkOf(remoteAddress)}`, window: 3600, most: 3000 }])
}

const page = { size: 500, most: 10 }

/** Whether so many people have allowed an agent something, as far back as is looked. */
async function isAllowedBy({ storage }: ServerContext, agent: string, least: number): Promise<boolean> {
  const people = new Set<string>()
  let after: string | undefined
  for (let pages = 0; pages < page.most; pages++) {
    const grants = await storage.listGrants({ agent, limit: page.size, after })
    for (const { userId } of grants) people.add(userId)
    if (people.size >= least) return true
    if (grants.length < page.size) break
    after = grants.at(-1)?.id
  }
  return false
}

async function countAll({ storage, now, rateFactor }: ServerContext, rates: readonly Rate[]): Promise<number[]> {
  const counted: string[] = []
  const counts: number[] = []
  for (const { of, window, most, mayExceed } of rates) {
    const key = hashSecret(`requests of ${of}`)
    const { count, resetAt } = await storage.countAttempt({ key, window })
    if (count > most * rateFactor && !(await mayExceed?.(count))) {
      // One agent beyond its own limit takes nothing from the others at its address.
      await Promise.all(counted.map((before) => storage.forgiveAttempt(before)))
      const retryAfter = Math.max(1, resetAt - now())
      throw new AAuthError('too_many_requests', 'Too many requests for access.', { retryAfter })
    }
    counted.push(key)
    counts.push(count)
  }
  return counts
}
