import { requireOwnDatabase } from '../storage/api/deployment-storage.js'
import { StorageError } from '../storage/api/storage.js'
import type { ServerContext } from './context.js'

export interface Ownership {
  /** Whether the database is known to be this issuer's. */
  readonly isKnown: boolean
  require(): Promise<void>
}

/** Also where nobody called `ready`: not a request is answered from the database of another issuer. */
export function createOwnership({ storage, issuer, lifetimes }: ServerContext): Ownership {
  let isKnown = false
  return {
    get isKnown() {
      return isKnown
    },
    async require() {
      if (isKnown) return
      try {
        await requireOwnDatabase(storage, issuer, lifetimes.authToken)
        isKnown = true
      } catch (error) {
        // Documents and keys are served without it; what needs it says so.
        if (!(error instanceof StorageError) || error.code !== 'unavailable') throw error
      }
    },
  }
}
