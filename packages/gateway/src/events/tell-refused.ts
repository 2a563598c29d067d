import { AAuthError, type VerifiedRequest } from 'countersign/resource'
import { describeRefusal } from 'countersign/wire'
import type { Followed } from './follow-exchange.js'
import type { HeardResource } from './heard-resource.js'
import { UpstreamFailure } from './upstream-failure.js'

/**
 * Notes why a request is refused, and tells it with what the answer hides, unless somebody did: the resource, or whoever asked
 * the API.
 */
export function tellRefused(
  followed: Followed,
  error: unknown,
  { hasTold }: HeardResource,
  verified?: VerifiedRequest,
): void {
  followed.outcome = error instanceof AAuthError ? error.code : 'bug'
  if (!followed.tell || !(error instanceof AAuthError) || error instanceof UpstreamFailure || hasTold(error)) return
  const who = verified ? { agent: verified.agent, delegate: verified.delegate } : {}
  followed.tell({ kind: 'refusal', ...describeRefusal(error, error, who) })
}
