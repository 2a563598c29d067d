import type { DeploymentStorage } from './deployment-storage.js'
import { StorageError } from './storage-error.js'

/**
 * Requires the database to be that of an issuer: a new one is, from then on (W31).
 *
 * @param tokenLife seconds that auth tokens live which this program gives
 * @throws {StorageError} `other_issuer`; `unavailable` when the database cannot be written
 */
export async function requireOwnDatabase(
  storage: DeploymentStorage,
  issuer: string,
  tokenLife?: number,
): Promise<void> {
  const owner = await storage.claimIssuer(issuer, tokenLife)
  if (owner === issuer) return
  throw new StorageError(
    'other_issuer',
    `The database is that of the issuer ${owner}, not of ${issuer}. An issuer never changes, since every token names it: set it back, or use another database.`,
  )
}
