import { CommandError } from './command-error.js'
import { exitStatus } from './exit-status.js'

/** A command line that cannot be followed, in one sentence for the person who typed it. */
export function usageError(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { exitCode: exitStatus.usage, ...(cause === undefined ? {} : { cause }) })
}
