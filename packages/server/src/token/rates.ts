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
}

/**
 * Requests for access in a minute, from one address and from one agent (attacks A20).
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

/** What the agents at one address may ask for that are within those. */
const smallAgents = { window: 3600, most: 3000 }

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
  const { storage, rateFactor } = context
  const ofAgent = lasting.map(({ span, window }) => ({ key: keyOf(`agent ${agent} per ${span}`), window }))
  const { window, most } = smallAgents
  const ofNetwork =
    remoteAddress === undefined ? [] : [{ key: keyOf(`small agents at ${networkOf(remoteAddress)}`), window }]
  const counted = await storage.countAttempts([...ofAgent, ...ofNetwork])
  const network = counted[ofAgent.length]
  let isSmall = true
  for (const [index, rate] of lasting.entries()) {
    const { count = 0, resetAt = 0 } = counted[index] ?? {}
    const beyond = count - rate.most * rateFactor
    if (beyond <= 0) continue
    isSmall = false
    if (await isAllowedBy(context, agent, Math.min(manyPeople, beyond / rate.perPerson))) continue
    const others = [...ofAgent, ...ofNetwork].filter((_, other) => other !== index)
    await Promise.all(others.map(({ key }) => storage.forgiveAttempt(key)))
    throw tooMany(context, resetAt)
  }
  if (!isSmall) await Promise.all(ofNetwork.map(({ key }) => storage.forgiveAttempt(key)))
  else if (network && network.count > most * rateFactor) throw tooMany(context, network.resetAt)
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

async function countAll(context: ServerContext, rates: readonly Rate[]): Promise<void> {
  const { storage, rateFactor } = context
  const keys = rates.map(({ of }) => keyOf(of))
  const counted = await storage.countAttempts(rates.map(({ window }, index) => ({ key: keys[index] ?? '', window })))
  const beyond = rates.findIndex(({ most }, index) => (counted[index]?.count ?? 0) > most * rateFactor)
  if (beyond === -1) return
  // One agent beyond its own limit takes nothing from the others at its address; one beyond that leaves no counter of its own.
  await Promise.all(keys.filter((_, index) => index !== beyond).map((key) => storage.forgiveAttempt(key)))
  throw tooMany(context, counted[beyond]?.resetAt ?? 0)
}

function keyOf(counted: string): string {
  return hashSecret(`requests of ${counted}`)
}

function tooMany({ now }: ServerContext, resetAt: number): AAuthError {
  const retryAfter = Math.max(1, resetAt - now())
  return new AAuthError('too_many_requests', 'Too many requests for access.', { retryAfter })
}
