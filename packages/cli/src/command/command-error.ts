import { exitStatus } from './exit-status.js'

/** A command that could not do what it was asked; the message is one sentence for the person who typed it. */
export class CommandError extends Error {
  /** The process's exit status. */
  readonly exitCode: number

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CommandError'
    this.exitCode = options.exitCode ?? exitStatus.refused
  }
}

/** A command line that cannot be followed, in one sentence for the person who typed it. */
export function usageError(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { exitCode: exitStatus.usage, cause })
}
