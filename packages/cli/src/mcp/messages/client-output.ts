/** What the client reads, at its pace. */
export interface ClientOutput {
  readonly write: (text: string) => void
  /** Resolves when the client has read what was written: until then nothing is read from a server. */
  readonly read: () => Promise<void>
  /** Resolves when not too much waits for the client: until then nothing is read from it. */
  readonly room: () => Promise<void>
}

/** Characters that may wait for a client which writes, and does not read: with fewer it may be about to. */
const mostWaiting = 64 * 1024 * 1024

export function createClientOutput(output: NodeJS.WritableStream): ClientOutput {
  let waiting = 0
  let reading: Promise<void> | undefined

  function untilRead(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        for (const event of ends) output.removeListener(event, done)
        reading = undefined
        resolve()
      }
      for (const event of ends) output.on(event, done)
    })
  }

  const read = () => reading ?? Promise.resolve()
  return {
    write(text) {
      waiting += text.length
      const hasRoom = output.write(text, () => {
        waiting -= text.length
      })
      if (!hasRoom) reading ??= untilRead()
    },
    read,
    async room() {
      while (waiting > mostWaiting && reading) await read()
    },
  }
}

/** What ends the wait for a reader; one that is gone reads nothing more. */
const ends = ['drain', 'error', 'close'] as const
