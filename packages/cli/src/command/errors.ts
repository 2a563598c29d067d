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

/** What a command's exit status says. */
export const exitStatus = {
  /** It did what it was asked. */
  done: 0,
  /** What it checked is refused. */
  refused: 1,
  /** The command line says nothing it knows. */
  usage: 2,
  /** Undecided, because another party did not respond. */
  network: 3,
  /** A user must decide, and was not asked. */
  consentNeeded: 4,
  /** The person, or a rule, said no. */
  denied: 5,
  /** Nobody decided in time. */
  expired: 6,
  /** The answer has an error's status, and `--fail` was given, as of curl. */
  failed: 22,
} as const

/** The code of an error of the system, such as `ENOENT`; of any other, what it says. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** What went wrong, in the words of the system: of several addresses that were tried, Node tells only in the code. */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
