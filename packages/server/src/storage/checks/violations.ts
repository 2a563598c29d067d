import { type Invariant, maxViolations, type Violation } from '../api/deployment-storage.js'
import type { Statement } from '../sql/engine.js'
import { hashText, idText } from '../sql/kept-query.js'
import type { FoundRow } from './check.js'
import { invariants } from './invariants.js'

/**
 * Runs the queries one by one, each on its own snapshot, so that requests do not wait for them and rows written in the meantime are not
 * reported as violations.
 */
export async function findViolations(statement: Statement): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const invariant of Object.keys(invariants) as Invariant[])
    for (const [check, { never, find }] of Object.entries(invariants[invariant])) {
      const found = (await find(statement)).slice(0, maxViolations)
      violations.push(...found.map((row) => ({ invariant, check, never, rows: namesOf(row) })))
    }
  return violations
}

function namesOf(row: FoundRow): Record<string, string> {
  const names: Record<string, string> = {}
  for (const [kind, name] of Object.entries(row)) {
    const text = kind === 'jti_end' ? hashText : idText
    if (name !== null) names[kind] = name instanceof Uint8Array ? text(name) : String(name)
  }
  return names
}
