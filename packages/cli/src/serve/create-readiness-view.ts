import type { Log } from 'countersign/observability'
import { KeyError, StorageError } from 'countersign-server'

/** Creates what says in words why requests should not be sent here; the log has the whole of it, once for each change. */
export function createReadinessView(
  { isStopping, ready }: { isStopping: () => boolean; ready: () => Promise<void> },
  log: Log,
): () => Promise<string | undefined> {
  let told: string | undefined

  async function problemOf(): Promise<{ problem: string; error?: unknown } | undefined> {
    if (isStopping()) return { problem: 'it is stopping' }
    try {
      await ready()
      return undefined
    } catch (error) {
      return { problem: describe(error), error }
    }
  }

  return async function readinessProblem() {
    const found = await problemOf()
    if (found?.problem === told) return told
    told = found?.problem
    if (found?.error !== undefined) log.failure('not_ready', found.error, { problem: found.problem })
    else if (!found) log.write('info', 'ready')
    return told
  }
}

function describe(error: unknown): string {
  if (error instanceof KeyError) return 'its key does not sign'
  if (error instanceof StorageError && error.code === 'unavailable')
    return 'the database does not answer, or takes no writes'
  if (error instanceof StorageError && error.code === 'clock_skew') return `clock_skew: ${error.message}`
  if (error instanceof StorageError && error.code === 'other_issuer') return 'the database is another issuer’s'
  return 'something is wrong, see the log'
}
