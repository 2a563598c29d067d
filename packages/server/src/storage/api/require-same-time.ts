import type { DeploymentStorage } from './deployment-storage.js'
import { StorageError } from './storage-error.js'

/** Seconds that the clocks of a server and its database may differ. */
const mostSkew = 5

/**
 * Requires a server's clock, which says whether a signature is fresh, to agree with the storage's, which says what has ended.
 *
 * @throws {StorageError} `clock_skew`; `unavailable` when the database does not answer
 */
export async function requireSameTime(storage: DeploymentStorage, now: () => number): Promise<void> {
  const ahead = Math.floor(now()) - (await storage.readClock())
  if (Math.abs(ahead) <= mostSkew) return
  const how = `${Math.abs(ahead)} seconds ${ahead > 0 ? 'ahead of' : 'behind'}`
  throw new StorageError(
    'clock_skew',
    `The clock of this machine is ${how} the clock of the database: set both right, by NTP.`,
  )
}
