import { AAuthError } from 'countersign'
import { describeRefusal, type Refusal, type Refused } from 'countersign/editions'
import { nonceReplayed } from 'countersign/signatures'
import { agentBlocked } from '../policy/policy.js'
import { StorageError } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'
import { PageError } from './page-error.js'

/** Anything that was thrown on the way to an answer for a program, as the JSON that says so; what is not the caller's fault is reported. */
export function refusalResponse(
  context: ServerContext,
  error: unknown,
  requestId: string,
  refused: Refused = {},
): Response {
  const refusal = asRefusal(error)
  if (isFailure(error, refusal.status)) context.onError(error, requestId)
  const { challenge } = refusal
  const { status, headers, body } = context.edition.writeRefusal(refusal, challenge && { level: challenge.level })
  headers['x-request-id'] = requestId
  return withRefusal(new Response(body, { status, headers }), describeRefusal(refusal, refusal, refused))
}

/** Whether it is to be reported: nothing is wrong where there is too much to do, which events tell. */
export function isFailure(error: unknown, status: number): boolean {
  const reason = error instanceof PageError ? (error.cause ?? error) : error
  return status >= 500 && !(reason instanceof AAuthError && reason.code === 'unavailable' && reason.cause === undefined)
}

/** What is told to the caller about anything that was thrown. */
export function asRefusal(error: unknown): AAuthError {
  if (error instanceof AAuthError) return error
  if (error instanceof PageError && error.code === 'method_not_allowed') {
    return new AAuthError('method_not_allowed', 'This endpoint does not answer this method.', { cause: error })
  }
  if (error instanceof PageError && error.code === 'not_found') {
    return new AAuthError('not_found', 'There is nothing here.', { cause: error })
  }
  if (error instanceof StorageError && error.code === 'too_many_requests') {
    return new AAuthError('too_many_requests', 'Too many open requests.', { cause: error, retryAfter: 60 })
  }
  if (error instanceof StorageError && error.code === 'too_many_nonces') {
    return new AAuthError('too_many_requests', 'Too many nonces are remembered: wait.', {
      cause: error,
      retryAfter: 60,
    })
  }
  if (error instanceof StorageError && error.code === 'nonce_used') {
    return nonceReplayed({ cause: error })
  }
  if (error instanceof StorageError && error.code === 'agent_blocked') {
    return agentBlocked(error)
  }
  if (error instanceof StorageError && error.code === 'unavailable') {
    return new AAuthError('unavailable', 'The database does not answer.', { cause: error, retryAfter: 2 })
  }
  return new AAuthError('bug', 'Unexpected error.', { cause: error })
}

const refusals = new WeakMap<Response, Refusal>()

/** Says why an answer refuses; the handler that gives the answer tells it, see {@link takeRefusal}. */
export function withRefusal(response: Response, refusal: Refusal): Response {
  refusals.set(response, refusal)
  return response
}

/** Takes why an answer refuses, so that it is told once; undefined: it does not refuse, or was told. */
export function takeRefusal(response: Response): Refusal | undefined {
  const refusal = refusals.get(response)
  refusals.delete(response)
  return refusal
}
