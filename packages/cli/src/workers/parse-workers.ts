import { usageError } from '../command/command-error.js'

const mostWorkers = 64

/** How many processes: one where nothing is said. */
export function parseWorkers(text: unknown): number {
  const count = Number(text ?? 1)
  if (Number.isInteger(count) && count >= 1 && count <= mostWorkers) return count
  throw usageError(`--workers takes a whole number from 1 to ${mostWorkers}.`)
}
