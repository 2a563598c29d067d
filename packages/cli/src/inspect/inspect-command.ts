import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { inspectValue, maxValue } from './inspect-value.js'
import type { Inspection } from './inspection.js'
import { onlyDecoded, renderInspection } from './render-inspection.js'

/** `countersign inspect <token|header>`: what it holds. Nothing is looked up, and nothing is said about who wrote it. */
export const inspectCommand: Run = async ({ json }, terminal, subject) => {
  const text = subject === '-' ? Buffer.from(await terminal.readInput(maxValue)).toString('utf8') : subject
  if (text.trim() === '')
    throw usageError('There is nothing to inspect: give a JWT, a header value, or a “Name: value” line.')
  const inspection = await inspectValue(text, Math.floor(Date.now() / 1000))
  terminal.write(
    json ? `${JSON.stringify({ ...inspection, note: onlyDecoded }, null, 2)}\n` : renderInspection(inspection),
  )
  return isRefused(inspection) ? exitStatus.refused : exitStatus.done
}

function isRefused({ refusal, inside }: Inspection): boolean {
  return refusal !== undefined || inside.some(isRefused)
}
