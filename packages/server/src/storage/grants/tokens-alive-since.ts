import type { GrantStorage } from './grant-storage.js'

/** Seconds that the clock of a resource may be behind. */
const clockDifference = 60

/**
 * The time since when auth tokens were issued that may be alive: also those with a longer lifetime, which the server was
 * configured with before.
 */
export async function tokensAliveSince(
  storage: Pick<GrantStorage, 'findOldestIssue'>,
  { at, lifetime }: { at: number; lifetime: number },
): Promise<number> {
  const aliveAfter = at - clockDifference
  const oldest = await storage.findOldestIssue(aliveAfter)
  return Math.min(aliveAfter - lifetime, oldest ?? aliveAfter)
}
