import { AAuthError } from 'countersign'
import type { Call } from 'countersign/editions'
import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { agentBlocked, callMissing, denialOf, grantable, isOnceOnly, type PolicyDecision } from '../lib/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AttemptCount, RequestAttempt } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'
import type { RequestingAgent } from './edition.js'

/** The access that an agent requests, verified. */
export interface RequestedAccess {
  resource: string
  scope: readonly string[]
  /** The call for which a user can allow it "just this once". @default the resource named none */
  call?: Call | undefined
}

export interface Admission extends CountedAccess {
  /** The policy under which the agent acts for itself; undefined if a user is prompted. */
  policy: string | undefined
}

/**
 * Admits an agent's request for access unless the agent is blocked or sends too many requests, the request contains nothing that can be
 * granted, or a rule denies it.
 *
 * @throws AAuthError `scope_invalid`, `agent_blocked`, `too_many_requests`, `policy_denied`
 */
export async function requireAdmitted(
  context: ServerContext,
  agent: RequestingAgent,
  access: RequestedAccess,
): Promise<Admission> {
  requireGrantable(access)
  const { agent: id, delegate, actsForItself = true } = agent
  const decided = context.policy({ agent: id, delegate, ...access })
  if (!access.call && isOnceOnly(decided, access.scope, context.readRisk)) throw callMissing()
  const decision = denialOf(decided) || (actsForItself && decided !== 'ask-once') ? decided : 'ask'
  const counted = await countRequest(context, agent, { lasts: decision === 'ask' })
  return { policy: policyGrant(context, agent, { access, decision }), ...counted }
}

function requireGrantable({ scope }: RequestedAccess): void {
  if (grantable(scope).length === 0) {
    throw new AAuthError('scope_invalid', 'The scopes profile and email grant nothing unless openid is also requested.')
  }
}

function policyGrant(
  context: ServerContext,
  { agent, delegate }: RequestingAgent,
  { access, decision }: { access: RequestedAccess; decision: PolicyDecision },
): string | undefined {
  const denial = denialOf(decision)
  const granted = typeof decision === 'object' && 'grant' in decision ? decision.grant : undefined
  context.tell?.({
    kind: 'decision',
    by: 'policy',
    outcome: denial ? 'denied' : granted === undefined ? 'asked' : 'allowed',
    agent,
    delegate: delegate ?? undefined,
    resource: access.resource,
    scope: access.scope.join(' '),
    rule: denial?.rule ?? granted,
  })
  if (denial) throw denial
  return granted
}

/** Maximum number of open requests of an agent that no user has ever allowed anything (attacks A13). */
const unknownAgentOpenRequests = 20

/**
 * Returns the maximum number of open requests for the agent, provided that it may open another one.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireRoom(
  context: ServerContext,
  agent: RequestingAgent,
  admission: Pick<Admission, 'hasBeenAllowed' | 'lasting'>,
): Promise<number> {
  await requireLastingRate(context, agent, admission)
  const { maxOpenRequests } = context
  return admission.hasBeenAllowed ? maxOpenRequests : Math.min(maxOpenRequests, unknownAgentOpenRequests)
}

/** A limit on access requests within a window, counted in the storage across all instances. */
interface Rate extends RequestAttempt {
  /** Whether all agents in a network are limited together. @default only the agent, or one that it vouches for */
  isOfNetwork?: boolean
  /** Before multiplication by the rate setting. */
  most: number
  /** Allowance added for each user who has allowed the agent something. */
  perUser?: number
  /** The key of a member's own rate, and up to which count a member is not refused because of the others. */
  share?: { key: string; most: number }
}

type CountedRate = Rate & AttemptCount

/** A request for access that has been counted. */
interface CountedAccess {
  /** Whether any user has ever allowed the agent anything. */
  hasBeenAllowed: boolean
  /**
   * The request's rates in windows longer than a minute, if a user will decide. {@link requireLastingRate} enforces them. A rate that is
   * given back is removed from the list, so that it is given back only once.
   */
  lasting: CountedRate[]
}

/** Who shares the rates of the agents that `agent` vouches for: each one, or all new ones in a network, because anyone may have many. */
function memberOf({ agent, delegate, member, remoteAddress }: RequestingAgent): string {
  if (member === 'known') return `agent ${agent} ${delegate}`
  return `new agents of ${agent} at ${remoteAddress === undefined ? 'unknown addresses' : networkOf(remoteAddress)}`
}

/** Limits on requests per minute, by address and by agent (attacks A20). */
function minuteRates(from: RequestingAgent): Rate[] {
  const { agent, remoteAddress, countedAs = agent, member } = from
  const own = rate(member ? memberOf(from) : `agent ${countedAs}`, { window: 60, most: 300 })
  const all = `all agents of ${agent}`
  return [
    ...(remoteAddress === undefined ? [] : [rate(`address ${networkOf(remoteAddress)}`, { window: 60, most: 1000 })]),
    own,
    ...(member ? [rate(all, { window: 60, most: 3000, share: { key: own.key, most: 30 } })] : []),
  ]
}

const lastingWindows = [
  { name: 'hour', window: 3600, most: 300, perUser: 20 },
  { name: 'day', window: 86_400, most: 1500, perUser: 100 },
] as const

/**
 * Limits on requests per hour and per day that leave long-lived rows. Agents that no user has allowed anything yet are counted by address.
 * Agents that only a few users have allowed something are counted by agent, because a user who runs and allows an agent could fill the
 * database, and also by address, because that user may run many agents.
 */
function lastingRates(from: RequestingAgent): Rate[] {
  const { agent, remoteAddress, countedAs = agent, member } = from
  const ofAgent = lastingWindows.flatMap(({ name, window, most, perUser }): Rate[] => {
    const terms = { window, most, perUser, of: 'allowed' } as const
    if (!member) return [rate(`agent ${countedAs} per ${name}`, terms)]
    // New agents are limited by their network, below. They are counted here for their share only.
    const mostOfMember = member === 'known' ? most : Number.POSITIVE_INFINITY
    const own = rate(`${memberOf(from)} per ${name}`, { window, most: mostOfMember })
    return [own, rate(`all agents of ${agent} per ${name}`, { ...terms, share: { key: own.key, most: most / 10 } })]
  })
  if (remoteAddress === undefined) return ofAgent
  const network = networkOf(remoteAddress)
  return [
    ...ofAgent,
    rate(`small agents at ${network}`, { isOfNetwork: true, window: 3600, most: 3000, of: 'allowed' }),
    rate(`unknown agents at ${network}`, { isOfNetwork: true, window: 3600, most: 1000, of: 'unknown' }),
  ]
}

function rate(counted: string, terms: Omit<Rate, 'key'>): Rate {
  return { key: hashSecret(`requests of ${counted}`), ...terms }
}

/**
 * Counts a request for access towards all of its rates at once, and enforces the per-minute limits.
 *
 * @param options.lasts whether the request will leave long-lived rows
 * @throws AAuthError `agent_blocked`, `too_many_requests`
 */
async function countRequest(
  context: ServerContext,
  agent: RequestingAgent,
  { lasts }: { lasts: boolean },
): Promise<CountedAccess> {
  const ofMinute = minuteRates(agent)
  const rates = lasts ? [...ofMinute, ...lastingRates(agent)] : ofMinute
  const { isBlocked, hasBeenAllowed, counts } = await context.storage.countRequest({
    agent: agent.agent,
    attempts: rates.map(({ key, window, of }) => ({ key, window, of })),
  })
  if (isBlocked) throw agentBlocked()
  const counted = rates.flatMap((each, index) => {
    const count = counts[index]
    return count ? [Object.assign({}, each, count)] : []
  })
  const beyond = counted
    .slice(0, ofMinute.length)
    .find((each) => beyondMost(context, each) > 0 && !isWithinShare(context, each, counted))
  if (beyond) await refuse(context, beyond, counted)
  return { hasBeenAllowed, lasting: counted.slice(ofMinute.length) }
}

/** An agent that at least this many users have allowed is limited only per minute. */
const manyUsers = 500

/** @throws AAuthError `too_many_requests` */
async function requireLastingRate(
  context: ServerContext,
  { agent }: RequestingAgent,
  { lasting }: Pick<CountedAccess, 'lasting'>,
): Promise<void> {
  let isSmall = true
  for (const each of lasting.filter(({ isOfNetwork }) => !isOfNetwork)) {
    const beyond = beyondMost(context, each)
    if (beyond <= 0) continue
    if (each.perUser === undefined) await refuse(context, each, lasting)
    else if (await isAllowedBy(context, agent, Math.min(manyUsers, beyond / each.perUser))) isSmall = false
    else if (!isWithinShare(context, each, lasting)) await refuse(context, each, lasting)
  }
  const ofAddress = lasting.filter(({ isOfNetwork }) => isOfNetwork)
  if (!isSmall) return giveBack(context, lasting, ofAddress)
  const full = ofAddress.find((each) => beyondMost(context, each) > 0)
  if (full) throw tooMany(context, full)
}

/** Whether a request by a member exceeds the rate of all members only because of the others. */
function isWithinShare({ rateFactor }: ServerContext, { share }: CountedRate, all: readonly CountedRate[]): boolean {
  const own = all.find(({ key }) => key === share?.key)
  return share !== undefined && own !== undefined && own.count <= share.most * rateFactor
}

/** Runs checks on a counted request. If they refuse the request, it leaves no rows, so it counts only towards the per-minute rates. */
export async function orUncount<T>(
  context: ServerContext,
  { lasting }: Pick<CountedAccess, 'lasting'>,
  judge: () => Promise<T>,
): Promise<T> {
  try {
    return await judge()
  } catch (error) {
    await giveBack(context, lasting)
    throw error
  }
}

/** Counts an admitted request only towards the per-minute rates, because it left no rows that stay long. */
export async function forgetLasting(
  context: ServerContext,
  { lasting }: Pick<CountedAccess, 'lasting'>,
): Promise<void> {
  await giveBack(context, lasting)
}

const page = { size: 500, most: 10 }

/** Whether at least `least` users have allowed an agent something, judging by its newest grants. */
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

function beyondMost({ rateFactor }: ServerContext, { count, most }: CountedRate): number {
  return count - most * rateFactor
}

/**
 * Refuses a request that exceeds one rate, and subtracts it from the other rates, so that an agent over its limit uses up nothing that
 * others at its address need.
 */
async function refuse(context: ServerContext, beyond: CountedRate, counted: CountedRate[]): Promise<never> {
  await giveBack(
    context,
    counted,
    counted.filter((each) => each !== beyond),
  )
  throw tooMany(context, beyond)
}

/** Subtracts a request from its rates, and removes these from the list. @param rates those to give back; all by default */
async function giveBack({ storage }: ServerContext, counted: CountedRate[], rates = [...counted]): Promise<void> {
  for (const each of rates) counted.splice(counted.indexOf(each), 1)
  if (rates.length > 0) await storage.forgiveAttempts(rates.map(({ key }) => key))
}

function tooMany({ now }: ServerContext, { resetAt }: CountedRate): AAuthError {
  const retryAfter = secondsUntil(resetAt, now())
  return new AAuthError('too_many_requests', 'Too many access requests.', { retryAfter })
}
