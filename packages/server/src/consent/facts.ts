import type { AAuthError } from 'countersign'
import type { ServerContext } from '../http/context.js'
import type { SignedInVisit } from '../http/visit.js'
import type { AgentChange } from '../pages/models/models.js'
import { cleanName } from '../policy/plain-text.js'
import { agentBlocked, type Duration, dangersOf, denialOf } from '../policy/policy.js'
import type { Danger } from '../policy/risk-order.js'
import { provingWays } from '../sign-in/offered-factors.js'
import { type AuthRequest, type Grant, tokensAliveSince } from '../storage/api/storage.js'

/** A passkey where there is one, else the password, else a new sign-in. */
type ProofKind = 'passkey' | 'password' | 'sign-in'

/** On what terms a request may be allowed; worked out anew for the page and for the decision. */
export interface DecisionTerms {
  /** What of what is asked for is dangerous, the worst first. */
  dangers: readonly Danger[]
  /** What must prove that the user is still there: they last proved it elsewhere than on the way to this request, or with less than their passkey (attacks C24). */
  proof: ProofKind | undefined
  /** Whether a decision may answer later requests (W22). */
  mayRemember: boolean
  /** Shortest first. */
  durations: readonly [Duration, ...Duration[]]
  preset: Duration
  /** Why the operator does not let the person allow it. */
  forbidden: AAuthError | undefined
}

/** What a page says of a request, and what decides whether there is one. */
export interface DecisionFacts extends DecisionTerms {
  /** What about the agent is not as people saw it before. */
  changes: readonly AgentChange[]
  /** What the agent already has. */
  holdings: Holdings
  /** The person's live permission for the same agent, delegate and resource. */
  remembered: Grant | undefined
  /** When the person last allowed this delegate of the agent anything, in Unix seconds; a delegate is as new as a stranger. */
  lastAllowed: number | undefined
  /** When they last allowed the agent anything, by whichever delegate. */
  agentLastAllowed: number | undefined
  /** It answers this request without a page. */
  answersAlone: boolean
}

/** Judges a stored request for the person who decides it. */
export async function decisionTerms(
  context: ServerContext,
  visit: SignedInVisit,
  request: AuthRequest,
): Promise<DecisionTerms> {
  const dangers = dangersOf(request.scope.split(' '), context.readRisk)
  const sensitive = dangers.length > 0
  const durations = sensitive ? ([shortest(context.durations[0])] as const) : context.durations
  return {
    dangers,
    proof: sensitive ? await proofFor(context, visit, request) : undefined,
    mayRemember: !sensitive && context.transport.reachesOnlyAgent(request),
    durations,
    preset: durations[0],
    forbidden: policyDenial(context, request) ?? (request.agentBlocked ? agentBlocked() : undefined),
  }
}

/** Judges a stored request for the person who looks at it. */
export async function decisionFacts(
  context: ServerContext,
  visit: SignedInVisit,
  request: AuthRequest,
): Promise<DecisionFacts> {
  const { delegate, resource, display } = request
  const terms = await decisionTerms(context, visit, request)
  const own = await ownGrants(context, visit.session.user.id, request.agent)
  const remembered = own.live.find(
    (grant) => grant.remembered && grant.delegate === delegate && grant.resource === resource,
  )
  const changes = await agentChanges(context, request, own.newest)
  const granted = remembered?.scope.split(' ') ?? []
  return {
    changes,
    holdings: await holdingsOf(context, request, own),
    remembered,
    lastAllowed: own.newest.find((grant) => grant.delegate === delegate)?.createdAt,
    agentLastAllowed: own.newest[0]?.createdAt,
    answersAlone:
      remembered !== undefined &&
      terms.mayRemember &&
      !terms.forbidden &&
      !(request.prompt ?? '').split(' ').includes('consent') &&
      changes.every(({ what }) => what === 'keys') &&
      remembered.display.agent.name === display.agent.name &&
      request.scope.split(' ').every((name) => granted.includes(name)),
    ...terms,
  }
}

/** Why the operator's policy, as it is now, denies a request. */
export function policyDenial(
  { policy }: ServerContext,
  { agent, delegate, resource, scope }: AuthRequest,
): AAuthError | undefined {
  return denialOf(policy({ agent, delegate, resource, scope: scope.split(' ') }))
}

/**
 * Undefined if the user last proved who they are on the way to this request, and not with a password although they have a
 * passkey. A proof for one request counts for no other that is open.
 */
async function proofFor(
  context: ServerContext,
  { session: { user, authTime, amr, provedFor }, about }: SignedInVisit,
  { createdAt }: AuthRequest,
): Promise<ProofKind | undefined> {
  const isForThis = provedFor !== null && provedFor === about?.tokenHash && authTime >= createdAt
  const { passkey, password } = await provingWays(context, user.id)
  if (passkey) return isForThis && amr.includes('webauthn') ? undefined : 'passkey'
  if (isForThis) return undefined
  return password ? 'password' : 'sign-in'
}

/** What is dangerous always ends by itself. */
function shortest(duration: Duration): number {
  return duration === 'until-removed' ? 3600 : duration
}

/** How far back it is looked. */
const looked = 20

/**
 * What about the agent is not as this person saw it when they last allowed it; for somebody who never did, as others saw
 * it. What nobody looked at, such as a request that an agent made for itself, is no news to anybody.
 */
async function agentChanges(
  { storage }: ServerContext,
  { agent, display }: AuthRequest,
  own: readonly Grant[],
): Promise<AgentChange[]> {
  const seen = own.length > 0 ? own.slice(0, looked) : await storage.listGrants({ agent, limit: looked })
  return changesSince(
    seen.map((grant) => grant.display.agent),
    display.agent,
  )
}

type Traits = AuthRequest['display']['agent']

/** An agent may have several keys and addresses in use, so one that was seen is known; its name is one. Newest first. */
function changesSince(seen: readonly Traits[], now: Traits): AgentChange[] {
  const [last] = seen
  if (!last) return []
  const keys = seen.flatMap(({ jkt }) => jkt ?? [])
  const hosts = seen.flatMap(({ redirectHost }) => redirectHost ?? [])
  const [lastHost] = hosts
  const changes: AgentChange[] = []
  if (now.jkt !== undefined && keys.length > 0 && !keys.includes(now.jkt)) changes.push({ what: 'keys' })
  if (now.redirectHost !== undefined && lastHost !== undefined && !hosts.includes(now.redirectHost)) {
    changes.push({ what: 'redirect_host', before: lastHost })
  }
  if (last.name !== now.name) changes.push({ what: 'name', before: last.name && cleanName(last.name) })
  return changes
}

/** What a user already granted an agent that requests more. */
export interface Holdings {
  /** What the same delegate may use at the same resource. */
  same: readonly string[]
  /** What any delegate of the agent may use there. */
  here: readonly string[]
  /** What it may still use there for a few minutes, although it was revoked. */
  fading: readonly string[]
  /** Other resources at which the agent may use something, by their identifiers. */
  elsewhere: readonly string[]
  /** Whether `elsewhere` is complete: nothing is left out, and nothing that was revoked still works. */
  nothingElse: boolean
}

/** How many grants are read. With more, the page does not say what is missing. */
const most = 500

/** All grants of a user to an agent. */
interface OwnGrants {
  /** The newest first, live or ended. A delegate without one of them is new. */
  newest: readonly Grant[]
  live: readonly Grant[]
  ended: readonly Grant[]
}

/** Reads all grants of a user to an agent: in one list, unless it is a long one. */
export async function ownGrants(
  { storage, now }: Pick<ServerContext, 'storage' | 'now'>,
  userId: string,
  agent: string,
): Promise<OwnGrants> {
  const newest = await storage.listGrants({ userId, agent, limit: most })
  if (newest.length === most) {
    const live = await storage.listGrants({ userId, agent, live: true, limit: most })
    return { newest, live, ended: await storage.listGrants({ userId, agent, live: false, limit: most }) }
  }
  const at = now()
  const isLive = ({ revokedAt, expiresAt }: Grant) => revokedAt === null && (expiresAt === null || expiresAt > at)
  return { newest, live: newest.filter(isLive), ended: newest.filter((grant) => !isLive(grant)) }
}

/** What an agent may use at the resource of a request, and elsewhere. */
async function holdingsOf(
  { storage, lifetimes, now }: ServerContext,
  { delegate, resource }: AuthRequest,
  { live, ended }: OwnGrants,
): Promise<Holdings> {
  const removed = ended.filter(({ revokedAt }) => revokedAt !== null)
  // A token that was issued before a revocation works until it expires.
  const aliveSince =
    removed.length === 0 ? 0 : await tokensAliveSince(storage, { at: now(), lifetime: lifetimes.authToken })
  const fading = removed.filter(({ revokedAt }) => revokedAt !== null && revokedAt > aliveSince)
  const isElsewhere = (grant: Grant) => grant.resource !== resource
  const here = live.filter((grant) => !isElsewhere(grant))
  return {
    same: scopesOf(here.filter((grant) => grant.delegate === delegate)),
    here: scopesOf(here),
    fading: scopesOf(fading.filter((grant) => !isElsewhere(grant))),
    elsewhere: [...new Set(live.filter(isElsewhere).map((grant) => grant.resource))],
    nothingElse: live.length < most && ended.length < most && !fading.some(isElsewhere),
  }
}

function scopesOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
}

/** By how many seconds the expiry of a request is extended, and how often. */
export const extension = { seconds: 600, times: 12 }

/** Whether a request can be extended once more. */
export function canExtend({ extensions }: AuthRequest): boolean {
  return extensions < extension.times
}
