/** Where a command writes. */
export interface Terminal {
  /** What the command is for: standard output. */
  readonly write: (text: string) => void
  /** What is for the person at the keyboard only: standard error. */
  readonly notify: (text: string) => void
  /** Whether standard output takes colour. */
  readonly colour: boolean
}

/** This process's own standard output and error. */
export const processTerminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  notify: (text) => void process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
}
