import { CommandError, errorCode, usageError } from '../command/errors.js'
import type { Stop, Terminal } from './terminal.js'

interface Interruption {
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

/** What a command says whose standard output takes nothing any more. */
export function outputError(error: unknown): CommandError {
  const code = errorCode(error)
  if (code === 'EPIPE') return new CommandError('Stopped: nobody reads the output.', { cause: error })
  return usageError(`Standard output cannot be written (${code}).`, error)
}

/**
 * For a command that reads its configuration again at SIGHUP, which ends others: calls back at each, and when the command is asked
 * to end. Gives what stops that.
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
      // When whoever told us has told everybody: what listens now is told of the next one.
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
