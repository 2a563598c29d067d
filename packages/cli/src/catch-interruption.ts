import { constants } from 'node:os'
import { CommandError } from './command-error.js'
import { onNpmEnded } from './on-npm-ended.js'

export interface Interruption {
  /** Aborts with a {@link CommandError} at the first SIGINT or SIGTERM, when npm started it and has ended, or when nobody reads the output any more. */
  signal: AbortSignal
  /** Gives the signals back to the process. */
  release(): void
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Catches signals once, so that a command can close what it opened; a second one ends the process at once. */
export function catchInterruption(): Interruption {
  const abort = new AbortController()
  const onSignal = (name: (typeof signals)[number]) => {
    const exitCode = 128 + constants.signals[name]
    abort.abort(new CommandError(`Stopped by ${name}; nothing was left running.`, { exitCode }))
  }
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    abort.abort(new CommandError('Stopped: nobody reads the output.', { cause: error }))
  }
  for (const name of signals) process.once(name, onSignal)
  const stopLooking = onNpmEnded(() => {
    const exitCode = 128 + constants.signals.SIGTERM
    abort.abort(new CommandError('Stopped: the npm command that started it has ended.', { exitCode }))
  })
  process.stdout.on('error', onOutputError)
  return {
    signal: abort.signal,
    release() {
      for (const name of signals) process.removeListener(name, onSignal)
      stopLooking()
      process.stdout.removeListener('error', onOutputError)
    },
  }
}
