import { AAuthError } from 'countersign'
import {
  describeRefusal,
  type Refusal,
  type Refused,
  type ResourceEdition,
  type WrittenRefusal,
} from 'countersign/editions'
import { nonceReplayed } from 'countersign/signatures'
import { agentBlocked } from '../lib/policy.js'
import { StorageError } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'
import { PageError } from './page-error.js'
import type { Arrival, Route } from './route.js'

/** A response that refuses a request, with the reason for events and the audit log. */
export interface Outcome {
  response: Response
  refusal?: Refusal | undefined
}

/** Wraps the error that ended an agent's request, and adds which agent sent the request. */
export class RefusedAgent extends Error {
  readonly refused: Refused

  constructor(cause: unknown, refused: Refused) {
    super('the agent’s request was refused', { cause })
    this.name = 'RefusedAgent'
    this.refused = refused
  }
}

/** Turns any error thrown while serving an agent into a JSON response, and reports errors that are not the caller's fault. */
export function refusalResponse(
  context: ServerContext,
  { requestId }: Pick<Arrival, 'requestId'>,
  { thrown, edition, writeRefusal }: { thrown: unknown; edition: RefusalFormat; writeRefusal: Route['writeRefusal'] },
): Required<Outcome> {
  const [error, refused] = thrown instanceof RefusedAgent ? [thrown.cause, thrown.refused] : [thrown, {}]
  const refusal = asRefusal(error)
  if (isFailure(error, refusal.status)) context.onError(error, requestId)
  const { status, headers, body } = writeRefusal ? writeRefusal(refusal) : writeSigned(edition, refusal)
  headers['x-request-id'] = requestId
  return { response: new Response(body, { status, headers }), refusal: describeRefusal(refusal, refusal, refused) }
}

/** An edition that writes refusals for agents that sign their requests. */
type RefusalFormat = Pick<ResourceEdition, 'writeRefusal'>

function writeSigned(edition: RefusalFormat, refusal: AAuthError): WrittenRefusal {
  const { challenge } = refusal
  return edition.writeRefusal(refusal, challenge && { level: challenge.level })
}

/** Whether the error must be reported. Overload is not a fault, and has its own events. */
export function isFailure(error: unknown, status: number): boolean {
  const reason = error instanceof PageError ? (error.cause ?? error) : error
  return status >= 500 && !(reason instanceof AAuthError && reason.code === 'unavailable' && reason.cause === undefined)
}

/** Converts any thrown error into the refusal that the caller sees. */
export function asRefusal(error: unknown): AAuthError {
  if (error instanceof AAuthError) return error
  if (error instanceof PageError && error.code === 'method_not_allowed') {
    return new AAuthError('method_not_allowed', 'This endpoint does not support this method.', { cause: error })
  }
  if (error instanceof PageError && error.code === 'not_found') {
    return new AAuthError('not_found', 'There is no endpoint at this path.', { cause: error })
  }
  if (error instanceof StorageError && error.code === 'too_many_requests') {
    return new AAuthError('too_many_requests', 'Too many open requests.', { cause: error, retryAfter: 60 })
  }
  if (error instanceof StorageError && error.code === 'too_many_nonces') {
    return new AAuthError('too_many_requests', 'Too many nonces are stored: try again later.', {
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
    return new AAuthError('unavailable', 'The database is not available.', { cause: error, retryAfter: 2 })
  }
  return new AAuthError('bug', 'Unexpected error.', { cause: error })
}
