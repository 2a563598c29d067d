import { grantedScope } from '../grants/scope-set.js'
import type { AuthRequest, DecideOutcome, RequestDecision } from './request-storage.js'

type Reason = Extract<DecideOutcome, { outcome: 'refused' }>['reason']
type Recorded = Extract<DecideOutcome, { first: boolean }>

/** The outcome that is already on record for the browser that decided (attacks C09). */
export function recordedDecision(
  request: AuthRequest,
  { browserHash }: Pick<RequestDecision, 'browserHash'>,
): Recorded | undefined {
  const { status } = request
  if (status !== 'allowed' && status !== 'denied') return undefined
  if (request.browserHash !== browserHash) return undefined
  return { outcome: status, request, first: false }
}

/** Why a decision may not be recorded; undefined: it may. */
export function decisionRefusal(request: AuthRequest, decision: RequestDecision): Reason | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  if (request.browserHash !== decision.browserHash) return 'other_browser'
  if (request.userId !== decision.userId) return 'other_user'
  if (request.revision !== decision.revision) return 'changed'
  if (decision.decision === 'allow' && grantedScope(request.scope, decision.scope) === undefined) return 'changed' // C10
  return undefined
}
