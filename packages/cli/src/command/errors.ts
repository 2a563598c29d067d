/** A command that failed. The message is one sentence for the user who ran it. */
export class CommandError extends Error {
  /** The process's exit status. */
  readonly exitCode: number

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CommandError'
    this.exitCode = options.exitCode ?? exitStatus.refused
  }
}

/** Creates the error for an invalid command line, with a one-sentence message for the user who typed it. */
export function usageError(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { exitCode: exitStatus.usage, cause })
}

/** The exit statuses of commands. */
export const exitStatus = {
  /** The command succeeded. */
  done: 0,
  /** The check or request failed, or was refused. */
  refused: 1,
  /** The command line is invalid, or it refers to a missing or invalid file or folder. */
  usage: 2,
  /** No result: another party did not respond. */
  network: 3,
  /** A user's decision is needed, but prompting was turned off. */
  consentNeeded: 4,
  /** Denied by the user or by a rule. */
  denied: 5,
  /** No decision was made in time. */
  expired: 6,
  /** The response has an error status and `--fail` was given (same status as curl). */
  failed: 22,
} as const

/** Returns the code of a system error, such as `ENOENT`, or the error as a string if it has no code. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/**
 * Returns the message of a system error, or its code if the message is empty. After trying several addresses, Node reports the failure only
 * in the code.
 */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
