import { AAuthError } from 'countersign'
import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { agentBlocked, denialOf, grantable, type PolicyDecision } from '../policy/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AttemptCount, RequestAttempt } from '../storage/api/storage.js'
import type { SigningAgent } from './signed-request.js'

/** What an agent asks for, verified. */
export interface AccessAsked {
  resource: string
  scope: readonly string[]
}

export interface Admission extends CountedAccess {
  /** The policy under which the agent acts for itself; undefined: a person is asked. */
  policy: string | undefined
}

/**
 * Lets an agent ask for access, unless it is blocked, asks too often, for nothing, or for what a rule denies.
 *
 * @throws AAuthError `scope_invalid`, `agent_blocked`, `too_many_requests`, `policy_denied`
 */
export async function requireAdmitted(
  context: ServerContext,
  agent: SigningAgent,
  access: AccessAsked,
): Promise<Admission> {
  requireGrantable(access)
  const { agent: id, delegate } = agent
  const decision = context.policy({ agent: id, delegate, ...access })
  const counted = await countRequest(context, agent, { lasts: decision === 'ask' })
  return { policy: policyGrant(context, agent, { access, decision }), ...counted }
}

function requireGrantable({ scope }: AccessAsked): void {
  if (grantable(scope).length === 0) {
    throw new AAuthError('scope_invalid', 'Without openid, profile and email give nothing: ask for openid too.')
  }
}

function policyGrant(
  context: ServerContext,
  { agent, delegate }: SigningAgent,
  { access, decision }: { access: AccessAsked; decision: PolicyDecision },
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

/** How many open requests an agent may have that nobody has allowed anything yet (attacks A13). */
const unknownAgentOpenRequests = 20

/**
 * How many requests of the agent may be open, where it may have one more stored.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireRoom(
  context: ServerContext,
  agent: SigningAgent,
  admission: Pick<Admission, 'hasBeenAllowed' | 'lasting'>,
): Promise<number> {
  await requireLastingRate(context, agent, admission)
  const { maxOpenRequests } = context
  return admission.hasBeenAllowed ? maxOpenRequests : Math.min(maxOpenRequests, unknownAgentOpenRequests)
}

/** How many requests for access are admitted in a window, counted in the storage for all instances together. */
interface Rate extends RequestAttempt {
  /** Before the setting that multiplies it. */
  most: number
  /** What each user who has allowed the agent something adds to that. */
  perPerson?: number
}

type CountedRate = Rate & AttemptCount

/** A request for access, counted. */
interface CountedAccess {
  /** Whether any user ever allowed the agent something. */
  hasBeenAllowed: boolean
  /** Its rates in windows longer than a minute, if a user will decide: {@link requireLastingRate} judges them. */
  lasting: readonly CountedRate[]
}

/** Requests in a minute, from one address and from one agent (attacks A20). */
function minuteRates({ agent, remoteAddress }: SigningAgent): Rate[] {
  return [
    ...(remoteAddress === undefined ? [] : [rate(`address ${networkOf(remoteAddress)}`, { window: 60, most: 1000 })]),
    rate(`agent ${agent}`, { window: 60, most: 300 }),
  ]
}

/**
 * Requests in an hour and in a day that leave long-lived rows. For agents that no user has allowed anything yet, they are
 * counted by address. For agents that a few users have allowed something, they are counted by agent, since a user who runs
 * and allows an agent could fill the database, and by address, since that user may run many agents.
 */
function lastingRates({ agent, remoteAddress }: SigningAgent): Rate[] {
  const ofAgent = [
    rate(`agent ${agent} per hour`, { window: 3600, most: 300, perPerson: 20, of: 'allowed' }),
    rate(`agent ${agent} per day`, { window: 86_400, most: 1500, perPerson: 100, of: 'allowed' }),
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
 * Counts a request for access in all its rates at once, and judges those of a minute.
 *
 * @param options.lasts whether it will leave rows that are kept for long
 * @throws AAuthError `agent_blocked`, `too_many_requests`
 */
async function countRequest(
  context: ServerContext,
  agent: SigningAgent,
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

/** From so many users on, an agent is limited by its rate in a minute only. */
const manyPeople = 500

/** @throws AAuthError `too_many_requests` */
async function requireLastingRate(
  context: ServerContext,
  { agent }: SigningAgent,
  { lasting }: Pick<CountedAccess, 'lasting'>,
): Promise<void> {
  const ofAddress = lasting.filter(({ perPerson }) => perPerson === undefined)
  let isSmall = true
  for (const each of lasting) {
    const beyond = beyondMost(context, each)
    if (each.perPerson === undefined || beyond <= 0) continue
    isSmall = false
    if (await isAllowedBy(context, agent, Math.min(manyPeople, beyond / each.perPerson))) continue
    await refuse(context, each, lasting)
  }
  if (!isSmall) return giveBack(context, ofAddress)
  const full = ofAddress.find((each) => beyondMost(context, each) > 0)
  if (full) throw tooMany(context, full)
}

/** Runs checks after a request was counted: one that they refuse leaves no rows, and counts towards the rates of a minute only. */
export async function orGiveBack<T>(
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

const page = { size: 500, most: 10 }

/** Whether at least so many users have allowed an agent something, among its newest grants. */
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

/** Refuses a request beyond one rate, and counts it towards no other: an agent beyond its limit takes nothing from others at its address. */
async function refuse(context: ServerContext, beyond: CountedRate, counted: readonly CountedRate[]): Promise<never> {
  await giveBack(
    context,
    counted.filter((each) => each !== beyond),
  )
  throw tooMany(context, beyond)
}

async function giveBack({ storage }: ServerContext, counted: readonly CountedRate[]): Promise<void> {
  if (counted.length > 0) await storage.forgiveAttempts(counted.map(({ key }) => key))
}

function tooMany({ now }: ServerContext, { resetAt }: CountedRate): AAuthError {
  const retryAfter = Math.max(1, resetAt - now())
  return new AAuthError('too_many_requests', 'Too many requests for access.', { retryAfter })
}
