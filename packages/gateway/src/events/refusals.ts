import type { UpstreamEvent } from 'countersign'
import { AAuthError, type OnEvent, type Resource, type VerifiedRequest } from 'countersign/resource'
import { describeRefusal } from 'countersign/wire'
import type { Followed } from './request-events.js'

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

/** A resource of which is known why it refused. */
export interface HeardResource {
  readonly resource: Resource
  /** The error that a response was made of. */
  readonly errorOf: (response: Response) => AAuthError | undefined
  /** Whether the resource told the same listener already why it refused. */
  readonly hasTold: (error: AAuthError) => boolean
}

/** @param onEvent whom the gateway tells */
export function hearResource(resource: Resource, onEvent: OnEvent | undefined): HeardResource {
  const errors = new WeakMap<Response, AAuthError>()
  const told = new WeakSet<AAuthError>()
  const tellsToo = onEvent !== undefined && resource.onEvent === onEvent
  const heard: Resource = {
    ...resource,
    async verify(source, options) {
      try {
        return await resource.verify(source, options)
      } catch (error) {
        if (tellsToo && error instanceof AAuthError) told.add(error)
        throw error
      }
    },
    async toResponse(error) {
      const response = await resource.toResponse(error)
      if (error instanceof AAuthError) errors.set(response, error)
      return response
    },
  }
  return { resource: heard, errorOf: (response) => errors.get(response), hasTold: (error) => told.has(error) }
}

export type UpstreamOutcome = Exclude<UpstreamEvent['outcome'], 'answered'>

/** The API behind the gateway failed, in one way or another. */
export class UpstreamFailure extends AAuthError {
  readonly outcome: UpstreamOutcome

  constructor(
    code: 'upstream_failed' | 'upstream_late',
    outcome: UpstreamOutcome,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(code, message, options)
    this.outcome = outcome
  }
}
