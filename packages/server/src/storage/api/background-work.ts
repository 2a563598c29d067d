/** Work on the storage that no answer waits for. */
export interface BackgroundWork {
  /** Begins the work; leaves it undone once everything is to end. Nothing rejects. */
  run(work: () => Promise<unknown>): void
  /** Begins nothing more, and resolves when what runs has ended. */
  end(): Promise<void>
  readonly ending: boolean
}

/** @param onError told when work rejects */
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
