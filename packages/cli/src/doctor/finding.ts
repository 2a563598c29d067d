/** Result of one check of a deployment. */
export interface Finding {
  /** Name of the check, in a word or two. */
  check: string
  /** `unknown`: the check was not possible, and `found` says why. */
  outcome: 'ok' | 'warning' | 'problem' | 'unknown'
  /** What was found, as sentences. */
  found: string
  /** How to fix it. */
  mend?: string
}

/** Creates the findings of one check. */
export interface CheckReport {
  ok(found: string): Finding
  warning(found: string, mend: string): Finding
  problem(found: string, mend: string): Finding
  unknown(found: string, mend?: string): Finding
}

/** Returns the constructors for the findings of a check. */
export function checking(check: string): CheckReport {
  return {
    ok: (found) => ({ check, outcome: 'ok', found }),
    warning: (found, mend) => ({ check, outcome: 'warning', found, mend }),
    problem: (found, mend) => ({ check, outcome: 'problem', found, mend }),
    unknown: (found, mend) => ({ check, outcome: 'unknown', found, ...(mend !== undefined && { mend }) }),
  }
}
