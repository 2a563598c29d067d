import type { AuthRequest, DecideOutcome, RequestDecision } from './storage.js'

type Reason = Extract<DecideOutcome, { outcome: 'refused' }>['reason']

/** The outcome that is already on record for the browser that decided (attacks C09). */
export function recordedDecision(request: AuthRequest, decision: RequestDecision): DecideOutcome | undefined {
  const { status } = request
  if (status !== 'allowed' && status !== 'denied') return undefined
  if (request.browserHash !== decision.browserHash) return undefined
  return { outcome: status, request, first: false }
}

/** Why a decision may not be recorded; undefined: it may. */
export function decisionRefusal(request: AuthRequest, decision: RequestDecision): Reason | undefined {
  if (request.status === 'expired') return 'expired'
  if (request.status !== 'open') return 'not_open'
  if (request.browserHash !== decision.browserHash) return 'other_browser'
  if (request.userId !== decision.userId) return 'other_user'
  if (request.revision !== decision.revision) return 'changed'
  return undefined
}
