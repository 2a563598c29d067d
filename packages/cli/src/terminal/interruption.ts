import { CommandError, errorCode, usageError } from '../command/errors.js'
import type { Terminal } from './terminal.js'

interface Interruption {
  /** Aborts with a {@link CommandError} when the command is asked to stop, or its output can no longer be written. */
  signal: AbortSignal
  /** Stops listening. */
  release(): void
}

/** Catches the signals that stop a command, so that it can clean up. */
export function catchInterruption({ onStop, output }: Terminal): Interruption {
  const abort = new AbortController()
  const stopListening = onStop(({ by, exitCode }) => {
    const why =
      by === 'npm ended'
        ? 'Stopped: the npm command that started this one has exited.'
        : `Stopped by ${by}; nothing was left running.`
    abort.abort(new CommandError(why, { exitCode }))
  })
  const onOutputError = (error: unknown) => abort.abort(outputError(error))
  output.on('error', onOutputError)
  return {
    signal: abort.signal,
    release() {
      stopListening()
      output.removeListener('error', onOutputError)
    },
  }
}

/** Creates the error for a command whose standard output can no longer be written. */
export function outputError(error: unknown): CommandError {
  const code = errorCode(error)
  if (code === 'EPIPE') return new CommandError('Stopped: the reader of the output has closed it.', { cause: error })
  return usageError(`Standard output cannot be written (${code}).`, error)
}
