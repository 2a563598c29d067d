import type { AAuthError } from 'countersign'
import type { Danger } from 'countersign/editions'
import type { ServerContext } from '../http/context.js'
import type { SignedInVisit } from '../http/visit.js'
import type { AgentChange } from '../pages/models/models.js'
import { cleanName } from '../policy/plain-text.js'
import { agentBlocked, callMissing, dangersOf, denialOf, type Extent, isOnceOnly, originOf } from '../policy/policy.js'
import { resourceKey } from '../policy/resource-id.js'
import { provingWays } from '../sign-in/offered-factors.js'
import { type AuthRequest, type Grant, validTokensIssuedSince } from '../storage/api/storage.js'
import { type Extents, extentsOf, isModest, presetOf } from './extents.js'

/** A passkey if the user has one, otherwise the password, otherwise a new sign-in. */
type ProofKind = 'passkey' | 'password' | 'sign-in'

/** The terms on which a request can be allowed. They are computed separately for the page and for the decision. */
export interface DecisionTerms {
  /** The dangers among the requested permissions, worst first. */
  dangers: readonly Danger[]
  /**
   * The proof that the user is still present; undefined if none is needed. A proof is needed if the user's last one was not for this
   * request, or if they have a passkey and used something weaker (attacks C24).
   */
  proof: ProofKind | undefined
  /** Whether a decision may be remembered and allow later requests without a page (W22). */
  mayRemember: boolean
  /** Shortest first. */
  durations: Extents
  /** Why the operator's policy or a block prevents the user from allowing the request; undefined if nothing does. */
  forbidden: AAuthError | undefined
}

/** The facts about a request that the page shows, and that determine whether a page is needed. */
export interface DecisionFacts extends DecisionTerms {
  /** How the agent differs from what users saw before. */
  changes: readonly AgentChange[]
  /** The access that the agent already has. */
  holdings: Holdings
  /** The user's live remembered grant for the same agent, delegate, resource and account. */
  remembered: Grant | undefined
  /**
   * When the user last allowed anything to this delegate of the agent, in Unix seconds. A delegate that the user has never allowed anything
   * counts as new.
   */
  lastAllowed: number | undefined
  /** When the user last allowed anything to the agent, for any delegate. */
  agentLastAllowed: number | undefined
  /** Whether the remembered grant allows this request without a page. */
  allowsWithoutPage: boolean
  /** The duration that is preselected on the page. */
  preset: Extent
}

/** What the terms are for: a page that is shown first, or a decision on that page. */
type Step = keyof typeof signInAge

/**
 * How long a sign-in counts if the request demands one, in seconds. A sign-in that was made for the request counts until the decision. An
 * earlier one must immediately precede the page, because a page may be opened long after its link was made.
 */
const signInAge = { page: 60, decision: 600 }

/** Evaluates a stored request for the user who decides it. */
export async function decisionTerms(
  context: ServerContext,
  visit: SignedInVisit,
  request: AuthRequest,
  step: Step = 'page',
): Promise<DecisionTerms> {
  const dangers = dangersOf(request.scope.split(' '), context.readRisk)
  const sensitive = dangers.length > 0
  return {
    dangers,
    proof: await proofFor(context, visit, { request, sensitive, step }),
    mayRemember: !sensitive && context.transports.of(request).reachesOnlyAgent(request),
    durations: extentsOf(context, request, sensitive),
    forbidden: policyDenial(context, request) ?? ((await isBlocked(context, request)) ? agentBlocked() : undefined),
  }
}

/** Whether the agent of a request, or its host, is blocked. */
async function isBlocked({ storage }: ServerContext, { agent, agentBlocked }: AuthRequest): Promise<boolean> {
  return agentBlocked || (originOf(agent) !== agent && (await storage.findStanding(agent)).isHostBlocked)
}

/** Evaluates a stored request for the user who views it. */
export async function decisionFacts(
  context: ServerContext,
  visit: SignedInVisit,
  request: AuthRequest,
  step: Step = 'page',
): Promise<DecisionFacts> {
  const { delegate, resource, display } = request
  const terms = await decisionTerms(context, visit, request, step)
  const own = await ownGrants(context, visit.session.user.id, request.agent)
  const account = context.transports.accountOf(request)
  const remembered = own.live.find(
    (grant) =>
      grant.remembered && grant.delegate === delegate && grant.resource === resource && grant.account === account,
  )
  const changes = await agentChanges(context, request, own.newest)
  const granted = remembered?.scope.split(' ') ?? []
  const requested = request.scope.split(' ')
  const lastAllowed = own.newest.find((grant) => grant.delegate === delegate)?.createdAt
  return {
    changes,
    holdings: await holdingsOf(context, request, own),
    remembered,
    lastAllowed,
    agentLastAllowed: own.newest[0]?.createdAt,
    allowsWithoutPage:
      remembered !== undefined &&
      terms.mayRemember &&
      !terms.forbidden &&
      (context.transports.of(request).acceptsGrant?.(request) ?? true) &&
      !demands(request, 'consent') &&
      changes.every(({ what }) => what === 'keys') &&
      remembered.display.agent.name === display.agent.name &&
      remembered.display.agent.fingerprint === display.agent.fingerprint &&
      requested.every((name) => granted.includes(name)),
    preset: presetOf(terms.durations, {
      isFirst: lastAllowed === undefined,
      isModest: requested.every((name) => isModest(context.readRisk(name))),
    }),
    ...terms,
  }
}

/** The denial, if the operator's current policy denies a request; otherwise undefined. */
export function policyDenial(
  { policy, readRisk, transports }: ServerContext,
  request: AuthRequest,
): AAuthError | undefined {
  const { agent, delegate, resource } = request
  const scope = request.scope.split(' ')
  const decision = policy({ agent, delegate, resource, scope })
  if (isOnceOnly(decision, scope, readRisk) && !transports.callOf(request)) return callMissing()
  return denialOf(decision)
}

/**
 * Returns the proof that the user must still give; undefined if their last proof was for this request, and was a passkey if they have one.
 * A proof for one request does not count for any other open request.
 */
async function proofFor(
  context: ServerContext,
  { session: { user, authTime, amr, provedFor }, about }: SignedInVisit,
  { request, sensitive, step }: { request: AuthRequest; sensitive: boolean; step: Step },
): Promise<ProofKind | undefined> {
  const isForThis = provedFor !== null && provedFor === about?.tokenHash && authTime >= request.createdAt
  const age = context.now() - authTime
  const isTooOld = age > signInAge[isForThis ? 'decision' : step]
  if (isTooOld && (demands(request, 'login') || demands(request, 'select_account'))) return 'sign-in'
  if (!sensitive) return undefined
  const { passkey, password } = await provingWays(context, user.id)
  if (passkey) return isForThis && amr.includes('webauthn') ? undefined : 'passkey'
  if (isForThis) return undefined
  return password ? 'password' : 'sign-in'
}

/** Whether the agent demands something of the user before or during the decision (OpenID Connect Core §3.1.2.1). */
function demands({ prompt }: AuthRequest, what: 'login' | 'consent' | 'select_account'): boolean {
  return prompt?.split(' ').includes(what) ?? false
}

/** How many previous grants are considered. */
const looked = 20

/**
 * Returns how the agent differs from what this user saw when they last allowed it, or from what other users saw if this user has never
 * allowed it. Requests that no user saw, such as those an agent makes for itself, are not considered.
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

/**
 * An agent may use several keys and redirect hosts, so any that were seen before count as known. An agent has only one name. `seen` is
 * newest first.
 */
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

/** The access that a user has already granted to an agent that is now requesting more. */
export interface Holdings {
  /** The scopes that the same delegate may use at the same resource with the same account. */
  same: readonly string[]
  /** The scopes that any delegate of the agent may use at the same resource. */
  here: readonly string[]
  /** The scopes that were revoked at the same resource, but may still work there for a few minutes. */
  revokedButUsable: readonly string[]
  /** The identifiers of other resources at which the agent has any access. */
  elsewhere: readonly string[]
  /** Whether `elsewhere` is complete: it omits no resource, and no revoked grant still works at another resource. */
  nothingElse: boolean
}

/** The maximum number of grants that are read. If there are more, the page makes no claim about what the agent cannot do. */
const most = 500

/** All of a user's grants to an agent. */
interface OwnGrants {
  /** Newest first, live or ended. A delegate without any of these grants is new. */
  newest: readonly Grant[]
  live: readonly Grant[]
  ended: readonly Grant[]
}

/** Reads all of a user's grants to an agent, in one query unless there are too many. */
export async function ownGrants(
  { storage, now }: Pick<ServerContext, 'storage' | 'now'>,
  userId: string,
  agent: string,
): Promise<OwnGrants> {
  const listed = await storage.listGrants({ userId, agent, limit: most })
  // A later decision may have extended an earlier grant.
  const newest = listed.sort((one, other) => other.createdAt - one.createdAt)
  if (newest.length === most) {
    const live = await storage.listGrants({ userId, agent, live: true, limit: most })
    return { newest, live, ended: await storage.listGrants({ userId, agent, live: false, limit: most }) }
  }
  const at = now()
  const isLive = ({ revokedAt, expiresAt }: Grant) => revokedAt === null && (expiresAt === null || expiresAt > at)
  return { newest, live: newest.filter(isLive), ended: newest.filter((grant) => !isLive(grant)) }
}

/** Returns the agent's access at the requested resource, and at other resources. */
async function holdingsOf(context: ServerContext, request: AuthRequest, { live, ended }: OwnGrants): Promise<Holdings> {
  const { storage, longestToken, now } = context
  const { delegate, resource } = request
  const account = context.transports.accountOf(request)
  const removed = ended.filter(({ revokedAt }) => revokedAt !== null)
  // A token that was issued before a revocation keeps working until it expires.
  const aliveSince =
    removed.length === 0 ? 0 : await validTokensIssuedSince(storage, { at: now(), lifetime: longestToken() })
  const revokedButUsable = removed.filter(({ revokedAt }) => revokedAt !== null && revokedAt > aliveSince)
  const requested = resourceKey(resource)
  const isElsewhere = (grant: Grant) => resourceKey(grant.resource) !== requested
  const here = live.filter((grant) => !isElsewhere(grant) && !grant.call)
  return {
    same: scopesOf(here.filter((grant) => grant.delegate === delegate && grant.account === account)),
    here: scopesOf(here),
    revokedButUsable: scopesOf(revokedButUsable.filter((grant) => !isElsewhere(grant))),
    elsewhere: [...new Set(live.filter((grant) => isElsewhere(grant) && !grant.call).map((grant) => grant.resource))],
    nothingElse: live.length < most && ended.length < most && !revokedButUsable.some(isElsewhere),
  }
}

function scopesOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ scope }) => scope.split(' ')))]
}

/** How many seconds each extension adds to a request's expiry, and how often it can be extended. */
export const extension = { seconds: 600, times: 12 }

/** Whether a request can be extended again. */
export function canExtend({ transports }: ServerContext, request: AuthRequest): boolean {
  const { most = Infinity } = transports.of(request).openFor ?? {}
  return request.extensions < extension.times && request.expiresAt < request.createdAt + most
}
