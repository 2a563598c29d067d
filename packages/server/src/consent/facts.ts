import type { AAuthError } from 'countersign'
import type { Danger, PermissionReading } from 'countersign/editions'
import { deviceOf } from '../config/personal-agents.js'
import type { ServerContext } from '../http/context.js'
import type { SignedInVisit } from '../http/visit.js'
import { cleanName } from '../lib/plain-text.js'
import {
  agentBlocked,
  callMissing,
  type Duration,
  dangersOf,
  denialOf,
  type Extent,
  isOnceOnly,
  originOf,
} from '../lib/policy.js'
import type { AgentChange } from '../pages/models/models.js'
import { provingWays } from '../sign-in/offered-factors.js'
import type { AuthRequest, Grant } from '../storage/api/storage.js'
import { type Holdings, holdingsOf, ownGrants, removedScopes } from './holdings.js'

/**
 * A passkey if the user has one, otherwise the password, with a code if they have a second factor, otherwise a new sign-in. `set-up`: the
 * operator requires a second factor for this, and the user has none.
 */
type ProofKind = 'passkey' | 'code' | 'set-up' | 'password' | 'sign-in'

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
  /** The scopes that the page leaves out, because the user removed them while the agent could use a token with them (W27, attacks J05). */
  leftOut: readonly string[]
  /** How the agent differs from what users saw before. */
  changes: readonly AgentChange[]
  /** The access that the agent already has. */
  holdings: Holdings
  /**
   * When the user last allowed anything to this delegate of the agent, in Unix seconds. A delegate that the user has never allowed anything
   * counts as new.
   */
  lastAllowed: number | undefined
  /** When the user last allowed anything to the agent, for any delegate. */
  agentLastAllowed: number | undefined
  /** The user's remembered grant that allows this request without a page; undefined if there is none. */
  withoutPage: Grant | undefined
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
    durations: extentsOf(context, request, sensitive, (await deviceOf(context, request))?.isRemote),
    forbidden: policyDenial(context, request) ?? ((await isBlocked(context, request)) ? agentBlocked() : undefined),
  }
}

/** Whether the agent of a request, or its host, is blocked. */
async function isBlocked({ storage }: ServerContext, { agent, agentBlocked }: AuthRequest): Promise<boolean> {
  return agentBlocked || (originOf(agent) !== agent && (await storage.findStanding(agent)).isHostBlocked)
}

/** A request without some of its scopes. */
export function withoutScopes(request: AuthRequest, names: readonly string[]): AuthRequest {
  const kept = request.scope.split(' ').filter((name) => !names.includes(name))
  return { ...request, scope: kept.join(' ') }
}

/** Evaluates a stored request for the user who views it. */
export async function decisionFacts(
  context: ServerContext,
  visit: SignedInVisit,
  stored: AuthRequest,
  step: Step = 'page',
): Promise<DecisionFacts> {
  const { delegate, resource, display } = stored
  const own = await ownGrants(context, visit.session.user.id, stored)
  const leftOut = await removedScopes(context, stored, own)
  const request = withoutScopes(stored, leftOut)
  const terms = await decisionTerms(context, visit, request, step)
  const account = context.transports.accountOf(request)
  const remembered = own.live.find(
    (grant) =>
      grant.remembered && grant.delegate === delegate && grant.resource === resource && grant.account === account,
  )
  const changes = await agentChanges(context, request, own.newest)
  const requested = request.scope.split(' ')
  const isDevice = stored.agent === context.issuer
  const lastAllowed = own.newest.find((grant) => isDevice || grant.delegate === delegate)?.createdAt
  const allows = (grant: Grant) =>
    terms.mayRemember &&
    !terms.forbidden &&
    (context.transports.of(request).acceptsGrant?.(request) ?? true) &&
    !demands(request, 'consent') &&
    changes.every(({ what }) => what === 'keys') &&
    grant.display.agent.name === display.agent.name &&
    grant.display.agent.fingerprint === display.agent.fingerprint &&
    requested.every((name) => grant.scope.split(' ').includes(name))
  return {
    leftOut,
    changes,
    holdings: await holdingsOf(context, request, own),
    lastAllowed,
    agentLastAllowed: own.newest[0]?.createdAt,
    withoutPage: remembered && allows(remembered) ? remembered : undefined,
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
 * Returns the proof that the user must still give; undefined if their last proof was for this request, with a passkey or a second factor
 * if they have one.
 * A proof for one request does not count for any other open request.
 */
async function proofFor(
  context: ServerContext,
  { session: { user, authTime, amr, provedFor }, about }: SignedInVisit,
  { request, sensitive, step }: { request: AuthRequest; sensitive: boolean; step: Step },
): Promise<ProofKind | undefined> {
  const isForThis = provedFor === about?.tokenHash && authTime >= request.createdAt
  const age = context.now() - authTime
  const isTooOld = age > signInAge[isForThis ? 'decision' : step]
  if (isTooOld && (demands(request, 'login') || demands(request, 'select_account'))) return 'sign-in'
  if (!sensitive) return undefined
  const { passkey, password, code } = await provingWays(context, user.id)
  if (passkey) return isForThis && amr.includes('webauthn') ? undefined : 'passkey'
  if (code) return isForThis && amr.includes('otp') ? undefined : 'code'
  if (password && context.secondFactor !== 'optional') return 'set-up'
  if (isForThis) return undefined
  return password ? 'password' : 'sign-in'
}

/** Whether the agent demands something of the user before or during the decision (OpenID Connect Core §3.1.2.1). */
function demands({ prompt }: AuthRequest, what: 'login' | 'consent' | 'select_account'): boolean {
  return prompt?.split(' ').includes(what) === true
}

/** How many previous grants are considered. */
const looked = 20

/**
 * Returns how the agent differs from what this user saw when they last allowed it, or from what other users saw if this user has never
 * allowed it. Requests that no user saw, such as those an agent makes for itself, are not considered.
 */
async function agentChanges(
  { storage, issuer }: ServerContext,
  { agent, display }: AuthRequest,
  own: readonly Grant[],
): Promise<AgentChange[]> {
  // A device keeps its name and its key, and the names of other users' devices concern no one else.
  if (agent === issuer) return []
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

/** How many seconds each extension adds to a request's expiry, and how often it can be extended. */
export const extension = { seconds: 600, times: 12 }

/** Whether a request can be extended again. */
export function canExtend({ transports }: ServerContext, request: AuthRequest): boolean {
  const { most = Infinity } = transports.of(request).openFor ?? {}
  return request.extensions < extension.times && request.expiresAt < request.createdAt + most
}

/** What a user can choose, narrowest first. */
export type Extents = readonly [Extent, ...Extent[]]

/** Returns what the user can choose. */
function extentsOf(
  { transports, policy, readRisk, durations }: ServerContext,
  request: AuthRequest,
  isDangerous: boolean,
  endsWithinDay = false,
): Extents {
  const allowed = endsWithinDay ? durationsWithin(day, durations) : durations
  const lasting = isDangerous ? ([shortest(allowed[0])] as const) : allowed
  if (!transports.callOf(request)) return lasting
  const { agent, delegate, resource } = request
  const scope = request.scope.split(' ')
  return isOnceOnly(policy({ agent, delegate, resource, scope }), scope, readRisk) ? ['once'] : ['once', ...lasting]
}

/** The durations that do not exceed a maximum in seconds, or the maximum if all do. */
function durationsWithin(most: number, durations: readonly Duration[]): readonly [Duration, ...Duration[]] {
  const [first = most, ...rest] = durations.filter((duration) => Number(duration) <= most)
  return [first, ...rest]
}

/** Whether a permission allows only reading, or one kind of change that its name reveals. */
function isModest({ risk, isKnown, isBroad }: PermissionReading): boolean {
  return (risk === 'read' || risk === 'change') && isKnown && !isBroad
}

const hour = 3600
const day = 86_400

/**
 * Returns the longest duration that does not exceed the one that suits the request: an hour for permissions that are not modest, otherwise
 * a day if the user has never allowed this agent anything, or 30 days if they have. If all durations are longer, returns the shortest. If
 * it can be allowed for one call only, that is preselected.
 */
function presetOf(durations: Extents, of: { isFirst: boolean; isModest: boolean }): Extent {
  const longest = of.isModest ? (of.isFirst ? day : 30 * day) : hour
  const [narrowest] = durations
  if (narrowest === 'once') return narrowest
  return durations.findLast((duration) => Number(duration) <= longest) ?? narrowest
}

/** Permission to do something dangerous always expires. */
function shortest(duration: Duration): number {
  return duration === 'until-removed' ? hour : duration
}
