import { onTestFinished, vi } from 'vitest'

/**
 * Holds the system clock of this process until the test ends, so that nothing expires because a test takes long. `pass` advances it by a
 * number of seconds. Timers still run in real time.
 */
export function holdClock(milliseconds: number = Date.now()): { pass: (seconds: number) => void } {
  vi.useFakeTimers({ toFake: ['Date'], now: milliseconds })
  onTestFinished(() => void vi.useRealTimers())
  return { pass: (seconds) => void vi.setSystemTime(Date.now() + seconds * 1000) }
}
