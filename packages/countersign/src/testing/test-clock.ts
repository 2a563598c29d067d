/** A clock, in Unix seconds, that advances only on request. */
export interface TestClock {
  readonly now: () => number
  advance(seconds: number): void
}

/** @param start Unix seconds */
export function createTestClock(start: number): TestClock {
  let time = start
  return {
    now: () => time,
    advance(seconds) {
      if (!(seconds >= 0 && seconds < 2 ** 53)) throw new TypeError(`a clock cannot be advanced by ${seconds} seconds`)
      time += seconds
    },
  }
}
