import { CommandError, errorCode, usageError } from '../command/errors.js'
import type { Stop, Terminal } from './terminal.js'

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

/**
 * For commands that reload their configuration on SIGHUP; SIGHUP stops other commands. Calls back on each SIGHUP, and when the command is
 * asked to stop. Returns a function that stops listening.
 */
export function onStopOrHangUp(
  { onStop }: Terminal,
  onEnd: (by: Stop['by']) => void,
  onHangUp: () => void,
): () => void {
  let isOver = false
  let release = (): void => undefined
  function listen(): void {
    if (isOver) return
    release = onStop(({ by }) => {
      if (by !== 'SIGHUP') return onEnd(by)
      release()
      // Deferred until all listeners have been called, so that the new listener receives only the next signal.
      queueMicrotask(listen)
      onHangUp()
    })
  }
  listen()
  return () => {
    isOver = true
    release()
  }
}
