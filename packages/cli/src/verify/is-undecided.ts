import type { AAuthError } from 'countersign'

/** Whether a refusal says nothing about the request: somebody who has the key did not answer. */
export function isUndecided({ code, cause }: AAuthError): boolean {
  if (code === 'unavailable' || code === 'too_many_requests') return true
  return typeof cause === 'object' && cause !== null && 'reason' in cause && cause.reason === 'unreachable'
}
