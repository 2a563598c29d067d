import type { Log } from 'countersign/observability'

export interface ReadinessViewOptions {
  isStopping: () => boolean
  /** Rejects where requests should not be sent here. */
  ready: () => Promise<void>
  /** In words, why it rejects. */
  describe: (error: unknown) => string
}

/** Creates what says in words why requests should not be sent here; the log has the whole of it, once for each change. */
export function createReadinessView(
  { isStopping, ready, describe }: ReadinessViewOptions,
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
