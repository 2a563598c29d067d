import { userInfo } from 'node:os'
import { usageError } from '../command/command-error.js'
import type { Terminal } from '../terminal/terminal.js'

/** As commander gives them. */
export interface OperationOptions {
  config?: string
  db?: string
  json?: true
}

export interface ChangeOptions extends OperationOptions {
  by?: string
}

/** Who works at this command line, as the audit names them: who they say they are, or else the system user. */
export function operatorName({ by }: ChangeOptions): string {
  if (by !== undefined) {
    if (!/^[\p{L}\p{N}\p{P}\p{S}]{1,100}$/u.test(by))
      throw usageError('--by takes a name of 1 to 100 characters, without spaces.')
    return `operator:${by}`
  }
  try {
    return `operator:${userInfo().username}`
  } catch (error) {
    // A container may run as a user that has no name.
    if (error instanceof Error && 'code' in error) return `operator:uid-${process.getuid?.() ?? 'unknown'}`
    throw error
  }
}

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
