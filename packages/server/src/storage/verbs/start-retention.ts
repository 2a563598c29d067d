import type { StorageOptions } from '../api/storage.js'

/**
 * Runs `sweep`, which gives nothing where another instance does it, every `sweepInterval` seconds, never two runs at once, without keeping the process alive.
 *
 * @returns a function that stops it
 */
export function startRetention(sweep: () => Promise<number | undefined>, options: StorageOptions): () => void {
  const { sweepInterval = 60, onSwept, onSweepError = warn } = options
  if (sweepInterval === 0) return () => undefined
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    sweep()
      .then((rows) => rows !== undefined && onSwept?.(rows))
      .catch(onSweepError)
      .finally(() => {
        running = false
      })
  }, sweepInterval * 1000)
  timer.unref()
  return () => clearInterval(timer)
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'RetentionWarning')
}
