/** Something stored that must never be: a defect of the program, or a database that somebody changed by hand. */
export interface Violation {
  /** As `docs/operators.md` lists them. */
  invariant: Invariant
  /** The check that found it, such as `token_after_removal`. */
  check: string
  /** What must never be, as a sentence. */
  never: string
  /** The rows, by what they are and what names them outside: `{ grant: '0190…' }`. */
  rows: Readonly<Record<string, string>>
}

/** Those that a query can show. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I10' | 'I11' | 'I12'

/** How many of each check are told. */
export const mostViolations = 100
