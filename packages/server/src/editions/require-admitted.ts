import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { agentBlocked, denialOf, grantable, type PolicyDecision } from '../policy/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AttemptCount, RequestAttempt } from '../storage/api/storage.js'
import type { RequestingAgent } from './edition.js'

/** The access that an agent requests, verified. */
export interface RequestedAccess {
  resource: string
  scope: readonly string[]
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
  const decision = denialOf(decided) || actsForItself ? decided : 'ask'
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
  const granted = decision !== 'ask' && 'grant' in decision ? decision.grant : undefined
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
  /** Before multiplication by the rate setting. */
  most: number
  /** Allowance added for each user who has allowed the agent something. */
  perUser?: number
}

type CountedRate = Rate & AttemptCount

/** A request for access that has been counted. */
interface CountedAccess {
  /** Whether any user has ever allowed the agent anything. */
  hasBeenAllowed: boolean
  /** The request's rates in windows longer than a minute, if a user will decide. {@link requireLastingRate} enforces them. */
  lasting: readonly CountedRate[]
}

/** Limits on requests per minute, by address and by agent (attacks A20). */
function minuteRates({ agent, remoteAddress, countedAs = agent }: RequestingAgent): Rate[] {
  return [
    ...(remoteAddress === undefined ? [] : [rate(`address ${networkOf(remoteAddress)}`, { window: 60, most: 1000 })]),
    rate(`agent ${countedAs}`, { window: 60, most: 300 }),
  ]
}

/**
 * Limits on requests per hour and per day that leave long-lived rows. Agents that no user has allowed anything yet are counted by address.
 * Agents that only a few users have allowed something are counted by agent, because a user who runs and allows an agent could fill the
 * database, and also by address, because that user may run many agents.
 */
function lastingRates({ agent, remoteAddress, countedAs = agent }: RequestingAgent): Rate[] {
  const ofAgent = [
    rate(`agent ${countedAs} per hour`, { window: 3600, most: 300, perUser: 20, of: 'allowed' }),
    rate(`agent ${countedAs} per day`, { window: 86_400, most: 1500, perUser: 100, of: 'allowed' }),
  ]
  if (remoteAddress === undefined) return ofAgent
  const network = networkOf(remoteAddress)
  return [
    ...ofAgent,
    rate(`small agents at ${network}`, { window: 3600, most: 3000, of: 'allowed' }),
    rate(`unknown agents at ${network}`, { window: 3600, most: 1000, of: 'unknown' }),
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
  const beyond = counted.slice(0, ofMinute.length).find((each) => beyondMost(context, each) > 0)
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
  const ofAddress = lasting.filter(({ perUser }) => perUser === undefined)
  let isSmall = true
  for (const each of lasting) {
    const beyond = beyondMost(context, each)
    if (each.perUser === undefined || beyond <= 0) continue
    isSmall = false
    if (await isAllowedBy(context, agent, Math.min(manyUsers, beyond / each.perUser))) continue
    await refuse(context, each, lasting)
  }
  if (!isSmall) return uncount(context, ofAddress)
  const full = ofAddress.find((each) => beyondMost(context, each) > 0)
  if (full) throw tooMany(context, full)
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
    await uncount(context, lasting)
    throw error
  }
}

/** Counts an admitted request only towards the per-minute rates, because it left no rows that stay long. */
export async function forgetLasting(
  context: ServerContext,
  { lasting }: Pick<CountedAccess, 'lasting'>,
): Promise<void> {
  await uncount(context, lasting)
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
async function refuse(context: ServerContext, beyond: CountedRate, counted: readonly CountedRate[]): Promise<never> {
  await uncount(
    context,
    counted.filter((each) => each !== beyond),
  )
  throw tooMany(context, beyond)
}

async function uncount({ storage }: ServerContext, counted: readonly CountedRate[]): Promise<void> {
  if (counted.length > 0) await storage.forgiveAttempts(counted.map(({ key }) => key))
}

function tooMany({ now }: ServerContext, { resetAt }: CountedRate): AAuthError {
  const retryAfter = Math.max(1, resetAt - now())
  return new AAuthError('too_many_requests', 'Too many access requests.', { retryAfter })
}
