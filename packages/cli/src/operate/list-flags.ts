import type { Flag } from '../command-row.js'
import type { Terminal } from '../terminal.js'
import { usageError } from '../usage-error.js'

/** The flag of commands that list. */
export const limitFlag: Flag = { flags: '--limit <n>', description: 'at most so many; default: 1000' }

const most = 100_000

/** How many a list shows at most. */
export function parseLimit(text: string | undefined): number {
  const limit = Number(text ?? 1000)
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit
  throw usageError(`--limit takes a whole number from 1 to ${most}.`)
}

/** The rows to show of one more than the limit; says where some were left out. */
export function withinLimit<T>(rows: readonly T[], limit: number, terminal: Terminal): readonly T[] {
  if (rows.length > limit) terminal.notify(`There are more than ${limit}: narrow the list, or raise --limit.`)
  return rows.slice(0, limit)
}
