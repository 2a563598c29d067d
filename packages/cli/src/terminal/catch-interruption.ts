import { CommandError } from '../command/command-error.js'
import { outputError } from './output-error.js'
import type { Terminal } from './terminal.js'

export interface Interruption {
  /** Aborts with a {@link CommandError} when the command is asked to end, or when its output cannot be written any more. */
  signal: AbortSignal
  /** Stops listening. */
  release(): void
}

/** Catches what asks a command to end, so that it can close what it opened. */
export function catchInterruption({ onStop, output }: Terminal): Interruption {
  const abort = new AbortController()
  const stopListening = onStop(({ by, exitCode }) => {
    const why =
      by === 'npm ended'
        ? 'Stopped: the npm command that started it has ended.'
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
