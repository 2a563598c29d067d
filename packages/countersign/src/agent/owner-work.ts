/** What is done for owners at this moment, so that all of one owner can be ended at once. */
export interface OwnerWork {
  /** Runs `work` with a signal that aborts with the given one, or when the owner's work is ended. */
  run<T>(owner: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Aborts everything that runs for an owner; what starts later runs. */
  end(owner: string, reason: Error): void
}

export function createOwnerWork(): OwnerWork {
  const running = new Map<string, Set<AbortController>>()
  return {
    async run(owner, signal, work) {
      signal.throwIfAborted()
      const abort = new AbortController()
      const follow = () => abort.abort(signal.reason)
      const runs = running.get(owner) ?? new Set()
      running.set(owner, runs.add(abort))
      signal.addEventListener('abort', follow)
      try {
        return await work(abort.signal)
      } finally {
        signal.removeEventListener('abort', follow)
        runs.delete(abort)
        if (runs.size === 0 && running.get(owner) === runs) running.delete(owner)
      }
    },
    end(owner, reason) {
      const runs = running.get(owner)
      running.delete(owner)
      for (const abort of runs ?? []) abort.abort(reason)
    },
  }
}
