/** Result of one check of a deployment. */
export interface Finding {
  /** Name of the check, in a word or two. */
  check: string
  /** `unknown`: the check was not possible, and `found` says why. */
  outcome: 'ok' | 'warning' | 'problem' | 'unknown'
  /** What was found, as sentences. */
  found: string
  /** How to fix it. */
  fix?: string
}

/** Creates the findings of one check. */
export interface CheckReport {
  ok(found: string): Finding
  warning(found: string, fix: string): Finding
  problem(found: string, fix: string): Finding
  unknown(found: string, fix?: string): Finding
}

/** Returns the functions that create the findings of a check. */
export function checking(check: string): CheckReport {
  return {
    ok: (found) => ({ check, outcome: 'ok', found }),
    warning: (found, fix) => ({ check, outcome: 'warning', found, fix }),
    problem: (found, fix) => ({ check, outcome: 'problem', found, fix }),
    unknown: (found, fix) => ({ check, outcome: 'unknown', found, ...(fix !== undefined && { fix }) }),
  }
}
