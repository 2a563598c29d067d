import type { AAuthError } from 'countersign'
import type { ServerContext } from '../context.js'
import type { SignedInVisit } from '../http/visit.js'
import type { AgentChange } from '../pages/models.js'
import type { Duration } from '../policy/duration.js'
import { agentBlocked, denialOf } from '../policy/policy.js'
import { dangersOf } from '../policy/risk.js'
import type { Danger } from '../policy/risk-order.js'
import { isFresh } from '../sign-in/session.js'
import type { AuthRequest, Grant } from '../storage/storage.js'
import { agentChanges } from './agent-changes.js'
import { type Holdings, holdingsOf, ownGrants } from './holdings.js'

/** On what terms a request may be allowed; worked out anew for the page and for the decision. */
export interface DecisionTerms {
  /** What of what is asked for is dangerous, the worst first. */
  dangers: readonly Danger[]
  /** The person signed in too long ago for that, and has a password to prove it is still them (attacks C24). */
  askPassword: boolean
  /** The same for somebody without a password. */
  signInAgain: boolean
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
  { session }: SignedInVisit,
  request: AuthRequest,
): Promise<DecisionTerms> {
  const { agent, delegate, resource } = request
  const scope = request.scope.split(' ')
  const dangers = dangersOf(scope, context.risks)
  const sensitive = dangers.length > 0
  const denied = denialOf(context.policy({ agent, delegate, resource, scope }))
  const stale = sensitive && !isFresh(context, session)
  const hasPassword = stale && (await context.storage.findCredential(session.user.username)) !== undefined
  const durations = sensitive ? ([shortest(context.durations[0])] as const) : context.durations
  return {
    dangers,
    askPassword: stale && hasPassword,
    signInAgain: stale && !hasPassword,
    mayRemember: !sensitive && context.transport.reachesOnlyAgent(request),
    durations,
    preset: durations[0],
    forbidden: denied ?? (request.agentBlocked ? agentBlocked() : undefined),
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

/** What is dangerous always ends by itself. */
function shortest(duration: Duration): number {
  return duration === 'until-removed' ? 3600 : duration
}
