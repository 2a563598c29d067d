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
} as const
