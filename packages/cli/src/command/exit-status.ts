/** What a command's exit status says. */
export const exitStatus = {
  /** It did what it was asked. */
  done: 0,
  /** What it checked is refused. */
  refused: 1,
  /** The command line says nothing it knows. */
  usage: 2,
  /** It could not find out, because somebody did not answer. */
  network: 3,
  /** A person must decide, and nobody was asked. */
  consentNeeded: 4,
  /** The person, or a rule, said no. */
  denied: 5,
  /** Nobody decided in time. */
  expired: 6,
  /** The answer has an error's status, and `--fail` was given, as of curl. */
  failed: 22,
} as const
