/** What must be closed again, in the reverse order of opening. */
export interface Closers {
  add(close: () => void | Promise<void>): void
  /** Closes everything, also when something fails on the way; rejects with the first failure. */
  close(): Promise<void>
}

export function createClosers(): Closers {
  const closers: (() => void | Promise<void>)[] = []
  return {
    add: (close) => void closers.push(close),
    async close() {
      const failures: unknown[] = []
      for (let next = closers.pop(); next; next = closers.pop()) {
        try {
          await next()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
