import { KeyError, StorageError } from 'countersign-server'

/** Why the auth server should not be sent requests, in words. */
export function describeUnready(error: unknown): string {
  if (error instanceof KeyError) return 'its key does not sign'
  if (error instanceof StorageError && error.code === 'unavailable')
    return 'the database does not answer, or takes no writes'
  if (error instanceof StorageError && error.code === 'clock_skew') return `clock_skew: ${error.message}`
  if (error instanceof StorageError && error.code === 'other_issuer') return 'the database is another issuer’s'
  return 'something is wrong, see the log'
}
