import { StorageError } from './storage-error.js'

/** Storage work for which no response waits. */
export interface BackgroundWork {
  /** Starts the work, or skips it after `end` was called. Never rejects. */
  run(work: () => Promise<unknown>): void
  /**
   * Runs the work every `seconds` until `end` is called, never twice at the same time, and without keeping the process alive. That the
   * database does not respond is reported once, after {@link mostOutages} runs in a row: before that, requests report it.
   */
  repeat(seconds: number, work: () => Promise<unknown>): void
  /** Accepts no more work, and resolves when the running work is done. */
  end(): Promise<void>
  readonly ending: boolean
  /** Aborted by `end`, for work that would take long to finish. */
  readonly signal: AbortSignal
}

/** After how many runs in a row during which the database does not respond this is reported. */
const mostOutages = 30

/** @param onError called with the error when work rejects */
export function createBackgroundWork(onError: (error: unknown) => void): BackgroundWork {
  const running = new Set<Promise<unknown>>()
  const timers: NodeJS.Timeout[] = []
  const stopping = new AbortController()
  const { signal } = stopping

  function run(work: () => Promise<unknown>): void {
    if (signal.aborted) return
    const done: Promise<unknown> = work()
      .catch(onError)
      .finally(() => running.delete(done))
    running.add(done)
  }

  return {
    run,
    repeat(seconds, work) {
      let isRunning = false
      let outages = 0
      const timer = setInterval(() => {
        if (isRunning) return
        isRunning = true
        run(() =>
          work()
            .then(
              () => {
                outages = 0
              },
              (error: unknown) => {
                const isOutage = error instanceof StorageError && error.code === 'unavailable'
                if (!isOutage || ++outages === mostOutages) throw error
              },
            )
            .finally(() => {
              isRunning = false
            }),
        )
      }, seconds * 1000)
      timers.push(timer.unref())
    },
    async end() {
      for (const timer of timers) clearInterval(timer)
      stopping.abort()
      await Promise.all(running)
    },
    get ending() {
      return signal.aborted
    },
    signal,
  }
}
