import type { UpstreamEvent } from 'countersign'
import { describeRefusal } from 'countersign/editions'
import { AAuthError, type OnEvent, type Resource, type VerifiedRequest } from 'countersign/resource'
import type { TrackedRequest } from './request-events.js'

/**
 * Sets the outcome of a refused request, and emits a `refusal` event with the reason that the response hides. No such event follows for
 * an error that the resource has already emitted, or for a failed request to the API, which has an event for that.
 */
export function reportRefusal(tracked: TrackedRequest, error: unknown, verified?: VerifiedRequest): void {
  tracked.outcome = error instanceof AAuthError ? error.code : 'bug'
  if (!tracked.tell || !(error instanceof AAuthError) || error instanceof UpstreamFailure || isEmitted(error)) return
  const who = verified ? { agent: verified.agent, delegate: verified.delegate } : {}
  tracked.tell({ kind: 'refusal', ...describeRefusal(error, error, who) })
}

/**
 * A resource whose error responses keep their error, for {@link errorOf}, and that marks the errors which it has emitted itself.
 *
 * @param onEvent The listener of the gateway, which may also be that of the resource
 */
export function observeResource(resource: Resource, onEvent: OnEvent | undefined): Resource {
  const hasSameListener = onEvent !== undefined && resource.onEvent === onEvent
  return {
    ...resource,
    async verify(source, options) {
      try {
        return await resource.verify(source, options)
      } catch (error) {
        if (hasSameListener && error instanceof AAuthError) Object.assign(error, { isEmitted: true })
        throw error
      }
    },
    async toResponse(error) {
      const response = await resource.toResponse(error)
      return error instanceof AAuthError ? Object.assign(response, { refused: error }) : response
    },
  }
}

/** The error of a response that {@link observeResource} made. */
export function errorOf(response: Response): AAuthError | undefined {
  return 'refused' in response && response.refused instanceof AAuthError ? response.refused : undefined
}

function isEmitted(error: AAuthError): boolean {
  return 'isEmitted' in error && error.isEmitted === true
}

export type UpstreamOutcome = Exclude<UpstreamEvent['outcome'], 'answered'>

/** A failed request to the API behind the gateway. */
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
