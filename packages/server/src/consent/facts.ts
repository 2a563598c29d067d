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

/** What about a request decides how it may be allowed; worked out anew for the page and for the decision. */
export interface DecisionFacts {
  /** What about the agent is not as people saw it before. */
  changes: readonly AgentChange[]
  /** The person's live permission for the same agent, delegate and resource. */
  remembered: Grant | undefined
  /** When the person last allowed this delegate of the agent anything, in Unix seconds; a delegate is as new as a stranger. */
  lastAllowed: number | undefined
  /** When they last allowed the agent anything, by whichever delegate. */
  agentLastAllowed: number | undefined
  /** It answers this request without a page. */
  answersAlone: boolean
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

/** How many grants of an agent are read. A delegate without one of them is new. */
const looked = 500

/** Judges a stored request for the person who looks at it. */
export async function decisionFacts(
  context: ServerContext,
  { session }: SignedInVisit,
  request: AuthRequest,
): Promise<DecisionFacts> {
  const { agent, delegate, resource, display } = request
  const asked = request.scope.split(' ')
  const dangers = dangersOf(asked, context.risks)
  const sensitive = dangers.length > 0
  const remembered = await context.storage.findRememberedGrant({ userId: session.user.id, agent, delegate, resource })
  const own = await context.storage.listGrants({ userId: session.user.id, agent, limit: looked })
  const changes = await agentChanges(context, request, own)
  const granted = remembered?.scope.split(' ') ?? []
  const onlyAgent = context.transport.reachesOnlyAgent(request)
  const denied = denialOf(context.policy({ agent, delegate, resource, scope: asked }))
  const forbidden = denied ?? ((await context.storage.isAgentBlocked(agent)) ? agentBlocked() : undefined)
  const stale = sensitive && !isFresh(context, session)
  const hasPassword = stale && (await context.storage.findCredential(session.user.username)) !== undefined
  const durations = sensitive ? ([shortest(context.durations[0])] as const) : context.durations
  return {
    changes,
    remembered,
    lastAllowed: own.find((grant) => grant.delegate === delegate)?.createdAt,
    agentLastAllowed: own[0]?.createdAt,
    answersAlone:
      remembered !== undefined &&
      !sensitive &&
      !forbidden &&
      onlyAgent &&
      !(request.prompt ?? '').split(' ').includes('consent') &&
      changes.every(({ what }) => what === 'keys') &&
      remembered.display.agent.name === display.agent.name &&
      asked.every((name) => granted.includes(name)),
    dangers,
    askPassword: stale && hasPassword,
    signInAgain: stale && !hasPassword,
    mayRemember: !sensitive && onlyAgent,
    durations,
    preset: durations[0],
    forbidden,
  }
}

/** What is dangerous always ends by itself. */
function shortest(duration: Duration): number {
  return duration === 'until-removed' ? 3600 : duration
}
