import { codeOf } from '../api/storage-error.js'

/** An error that PostgreSQL reported, or a failed connection. */
export class DatabaseFailure extends Error {
  /** SQLSTATE; undefined if the connection failed. */
  readonly state: string | undefined
  /** The function of PostgreSQL that reported the error; undefined if the connection failed. */
  readonly routine: string | undefined

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'DatabaseFailure'
    this.state = stateOf(cause)
    this.routine = this.state === undefined ? undefined : (cause as { routine?: string }).routine
  }
}

/**
 * Whether a transaction failed only because of concurrent work: a serialization failure, a deadlock, or a query plan from before a
 * migration.
 */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof DatabaseFailure)) return false
  return error.state === '40001' || error.state === '40P01' || isStalePlan(error)
}

/** Whether a migration changed the result columns of a statement after it was prepared. The message may be in any language. */
export function isStalePlan({ state, routine }: DatabaseFailure): boolean {
  return state === '0A000' && routine === 'RevalidateCachedQuery'
}

// Connections (08), transactions refused by a standby or by a server that is shutting down (25), resources (53), timeouts (55, 57), system
// errors (58), internal errors (XX).
const outages = /^(?:08|25|53|55|57|58|XX)/

export function isOutage(error: unknown): boolean {
  return error instanceof DatabaseFailure && (error.state === undefined || outages.test(error.state))
}

/** Returns the SQLSTATE of a PostgreSQL error. */
export function stateOf(cause: unknown): string | undefined {
  const code = codeOf(cause)
  return typeof code === 'string' && 'severity' in (cause as Error) ? code : undefined
}
