import { expect, it } from 'vitest'
import { isLong } from '../long.js'

/**
 * Defines a test only if the condition holds. A test that does not run at every commit runs elsewhere, so it is not reported as skipped.
 */
export function itIf(isThere: boolean): typeof it {
  return isThere ? it : (nowhere as unknown as typeof it)
}

function nowhere(): void {
  // The test is not defined here.
}

/** Returns the number of rounds: `few` at every commit, `many` in long runs. */
export function rounds(few: number, many: number): number {
  return isLong ? many : few
}

/** A limit on a duration, in milliseconds. At every commit, other tests run at the same time, so that it detects hangs only. */
export function durationLimit(milliseconds: number): number {
  return isLong ? milliseconds : 40_000
}

/** Prints how often each operation was tried and what was lost, and asserts that nothing was lost. */
export function report(fault: string, tried: Record<string, number>, lost: readonly string[] = []): void {
  const counts = Object.entries(tried).map(([what, count]) => `${count} ${what}`)
  process.stdout.write(`${fault}: ${counts.join(', ')}; lost: ${lost.length === 0 ? 'nothing' : lost.join(', ')}\n`)
  expect(lost).toEqual([])
}
