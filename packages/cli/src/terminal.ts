/** Where a command reads and writes. */
export interface Terminal {
  /** What the command is for: standard output. Of text, what a terminal would act on is escaped; bytes are written as they are. */
  readonly write: (text: string | Uint8Array) => void
  /** What is for the person at the keyboard only: standard error. */
  readonly notify: (text: string) => void
  /** Standard input: at most so many bytes, and one more where there is more. */
  readonly readInput: (limit: number) => Promise<Uint8Array>
  /** Whether standard output takes colour. */
  readonly colour: boolean
}

/** This process's own standard input, output and error. */
export const processTerminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  notify: (text) => void process.stderr.write(`${text}\n`),
  async readInput(limit) {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) break
    }
    return Buffer.concat(chunks).subarray(0, limit + 1)
  },
  colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
}
