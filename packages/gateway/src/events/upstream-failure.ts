import type { UpstreamEvent } from 'countersign'
import { AAuthError } from 'countersign/resource'

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
