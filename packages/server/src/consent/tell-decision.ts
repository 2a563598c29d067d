import type { DecisionEvent } from 'countersign'
import type { ServerContext } from '../http/context.js'
import type { AuthRequest } from '../storage/api/storage.js'

/** Tells how a request was decided just now. */
export function tellDecision(
  { tell }: ServerContext,
  { agent, delegate, resource, scope }: AuthRequest,
  { by, outcome }: Pick<DecisionEvent, 'by' | 'outcome'>,
): void {
  tell?.({ kind: 'decision', by, outcome, agent, delegate: delegate ?? undefined, resource, scope })
}
