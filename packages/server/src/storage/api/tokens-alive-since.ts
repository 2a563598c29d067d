import type { DeploymentStorage } from './deployment-storage.js'

type Lives = Pick<DeploymentStorage, 'findLongestTokenLife'>

/** Seconds that the clock of a resource may be behind. */
const clockDifference = 60

/** Seconds after which no auth token is alive that was given before, be it by a server that gave longer lives. */
export async function longestTokenLife(storage: Lives, lifetime: number): Promise<number> {
  return Math.max(lifetime, (await storage.findLongestTokenLife()) ?? 0)
}

/** The time since when auth tokens were issued that may be alive, as the slowest clock of a resource has it. */
export async function tokensAliveSince(
  storage: Lives,
  { at, lifetime }: { at: number; lifetime: number },
): Promise<number> {
  return at - clockDifference - (await longestTokenLife(storage, lifetime))
}
