import { mostViolations, type Violation } from '../api/deployment-storage.js'
import type { Statement } from '../sql/engine.js'
import { idText } from '../sql/values.js'
import { auditChecks } from './audit-checks.js'
import type { Check, FoundRow } from './check.js'
import { grantChecks } from './grant-checks.js'
import { useChecks } from './use-checks.js'

const checks: readonly Check[] = [...useChecks, ...grantChecks, ...auditChecks]

/** One query after the other, each of one moment: nobody waits for it, and a row that is written meanwhile breaks nothing. */
export async function findViolations(statement: Statement): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const { invariant, check, never, find } of checks) {
    const found = await find(statement)
    violations.push(...found.slice(0, mostViolations).map((row) => ({ invariant, check, never, rows: namesOf(row) })))
  }
  return violations
}

function namesOf(row: FoundRow): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([kind, name]) =>
      name === null ? [] : [[kind, name instanceof Uint8Array ? idText(name) : String(name)]],
    ),
  )
}
