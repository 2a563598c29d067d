import { mostViolations, type Violation } from 'countersign-server'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import type { OperationOptions } from './flags.js'
import { inStorage } from './in-storage.js'

/** Seconds that a query may take: some read a whole table. */
const longest = 3600

/** `countersign db check`: what is stored and must never be. */
export const dbCheck: Run = async (options, terminal) => {
  const flags: OperationOptions = options
  const violations = await inStorage(flags, terminal, ({ storage }) => storage.findViolations(), {
    statementTimeout: longest,
  })
  terminal.write(flags.json ? `${JSON.stringify(violations, null, 2)}\n` : render(violations))
  return violations.length === 0 ? exitStatus.done : exitStatus.refused
}

function render(violations: readonly Violation[]): string {
  if (violations.length === 0) return 'Every check holds.\n'
  const checks = [...new Set(violations.map(({ check }) => check))]
  const blocks = checks.map((check) => renderCheck(violations.filter((violation) => violation.check === check)))
  const advice = 'Keep a copy of the database as it is (countersign db backup), and report this.'
  return `${[...blocks, wrapText('', advice)].join('\n\n')}\n`
}

function renderCheck(found: readonly Violation[]): string {
  const [{ invariant, check, never } = { invariant: '', check: '', never: '' }] = found
  const rows = found.map(({ rows: named }) => {
    const names = Object.entries(named).map(([kind, name]) => `${kind} ${name}`)
    return wrapText('  ', names.join(', '))
  })
  const more = found.length < mostViolations ? [] : [`  There may be more: a check tells at most ${mostViolations}.`]
  return [wrapText('', `${invariant} ${check}. It must never be: ${never}`), ...rows, ...more].join('\n')
}
