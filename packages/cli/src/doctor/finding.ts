/** What came of one look at a deployment. */
export interface Finding {
  /** What was looked at, in a word or two. */
  check: string
  /** `unknown`: it could not be looked at, and `found` says why. */
  outcome: 'ok' | 'warning' | 'problem' | 'unknown'
  /** What was seen, as sentences. */
  found: string
  /** What to do about it. */
  mend?: string
}

/** The findings of one check. */
export interface CheckReport {
  ok(found: string): Finding
  warning(found: string, mend: string): Finding
  problem(found: string, mend: string): Finding
  unknown(found: string, mend?: string): Finding
}

/** Makes the findings of a check. */
export function checking(check: string): CheckReport {
  return {
    ok: (found) => ({ check, outcome: 'ok', found }),
    warning: (found, mend) => ({ check, outcome: 'warning', found, mend }),
    problem: (found, mend) => ({ check, outcome: 'problem', found, mend }),
    unknown: (found, mend) => ({ check, outcome: 'unknown', found, ...(mend !== undefined && { mend }) }),
  }
}
