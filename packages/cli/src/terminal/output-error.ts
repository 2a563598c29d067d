import { CommandError, usageError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'

/** What a command says whose standard output takes nothing any more. */
export function outputError(error: unknown): CommandError {
  const code = errorCode(error)
  if (code === 'EPIPE') return new CommandError('Stopped: nobody reads the output.', { cause: error })
  return usageError(`Standard output cannot be written (${code}).`, error)
}
