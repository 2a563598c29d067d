/** What PostgreSQL said, or that it said nothing. */
export class DatabaseFailure extends Error {
  /** SQLSTATE; nothing where the connection failed. */
  readonly state: string | undefined

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'DatabaseFailure'
    this.state = stateOf(cause)
  }
}

/** Whether a transaction failed only because of others: serialization, deadlock, or a plan from before a migration. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof DatabaseFailure)) return false
  return error.state === '40001' || error.state === '40P01' || isStalePlan(error)
}

/** The columns that a statement answers with were changed by a migration since it was prepared. */
export function isStalePlan(error: DatabaseFailure): boolean {
  return error.state === '0A000' && error.message.includes('cached plan')
}

// Connections (08), transactions that a standby or a dying server refuses (25), resources (53), limits of time (55, 57),
// the system around it (58), itself (XX).
const outages = /^(?:08|25|53|55|57|58|XX)/

export function isOutage(error: unknown): boolean {
  return error instanceof DatabaseFailure && (error.state === undefined || outages.test(error.state))
}

/** SQLSTATE of what PostgreSQL said. */
export function stateOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !('code' in cause) || !('severity' in cause)) return undefined
  return typeof cause.code === 'string' ? cause.code : undefined
}
