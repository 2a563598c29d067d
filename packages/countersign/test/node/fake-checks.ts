import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, vi } from 'vitest'

/** Runs this many seconds of checks now; other timers are unaffected. Wait with `until`. */
export function fakeChecks(): (seconds: number, each?: () => unknown) => Promise<void> {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  return async (seconds, each = () => undefined) => {
    for (let second = 0; second < seconds; second++) {
      vi.advanceTimersByTime(1000)
      await each()
    }
  }
}

/** Waits in real time: `expect.poll` would advance the clock of the checks. */
export async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 30_000; waited += 5) await sleep(5)
  expect(condition()).toBe(true)
}
