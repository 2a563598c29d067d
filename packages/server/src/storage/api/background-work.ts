/** Storage work for which no response waits. */
export interface BackgroundWork {
  /** Starts the work, or skips it after `end` was called. Never rejects. */
  run(work: () => Promise<unknown>): void
  /** Accepts no more work, and resolves when the running work is done. */
  end(): Promise<void>
  readonly ending: boolean
}

/** @param onError called with the error when work rejects */
export function createBackgroundWork(onError: (error: unknown) => void): BackgroundWork {
  const running = new Set<Promise<unknown>>()
  let ending = false

  return {
    run(work) {
      if (ending) return
      const done: Promise<unknown> = work()
        .catch(onError)
        .finally(() => running.delete(done))
      running.add(done)
    },
    async end() {
      ending = true
      await Promise.all(running)
    },
    get ending() {
      return ending
    },
  }
}
