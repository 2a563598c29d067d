import type { Kysely } from 'kysely'
import type { Tables } from './tables.js'

/** Where a test may stop the process inside a code exchange or a decision. */
export type FaultPoint = 'before_consume' | 'after_consume' | 'before_commit' | 'after_commit'

/** What one verb works in: a transaction, or the bare database when it is a single statement. */
export interface Unit {
  db: Kysely<Tables>
  tenant: number
  /** The storage's clock, read once for the verb. */
  now: number
  reach(point: FaultPoint): void
}
