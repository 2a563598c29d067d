import type { Violation } from '../api/deployment-storage.js'
import type { Statement } from '../sql/engine.js'

/** What a check finds: columns named after what they name, with public ids or texts. */
export type FoundRow = Readonly<Record<string, Uint8Array | string | number | null>>

/** A query for rows that an invariant forbids. */
export interface Check extends Pick<Violation, 'invariant' | 'check' | 'never'> {
  readonly find: (statement: Statement) => Promise<FoundRow[]>
}
