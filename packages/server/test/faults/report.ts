import { expect, it } from 'vitest'
import { isLong } from '../long.js'

/** A test that is there only where this is so: what is not tried at every commit is not skipped, but elsewhere. */
export function itIf(isThere: boolean): typeof it {
  return isThere ? it : (nowhere as unknown as typeof it)
}

function nowhere(): void {
  // It is not there.
}

/** How often something is tried: at every commit, and now and then. */
export function rounds(few: number, many: number): number {
  return isLong ? many : few
}

/** Prints what was tried how often, and that nothing was lost, which it requires. */
export function report(fault: string, tried: Record<string, number>, lost: readonly string[] = []): void {
  const counts = Object.entries(tried).map(([what, count]) => `${count} ${what}`)
  process.stdout.write(`${fault}: ${counts.join(', ')}; lost: ${lost.length === 0 ? 'nothing' : lost.join(', ')}\n`)
  expect(lost).toEqual([])
}
