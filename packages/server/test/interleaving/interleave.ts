import type { Storage } from 'countersign-server'

/** A verb that commits while a request is in progress, before one of that request’s storage calls. */
export interface Interleaving {
  /** The verb that commits in between; undefined for none. */
  run: (() => Promise<unknown>) | undefined
  /** The number of the request’s storage calls that run first. */
  after: number
  /** The storage verbs that the request called, in order. */
  readonly calls: string[]
  /** The number of calls that preceded `run`; undefined if it did not run. */
  ranAfter: number | undefined
}

/** Nothing commits in between. */
export function noInterleaving(): Interleaving {
  return { run: undefined, after: 0, calls: [], ranAfter: undefined }
}

/** Resets the call count, and plans `run` to commit after the next `after` calls. */
export function plan(interleaving: Interleaving, after = 0, run?: () => Promise<unknown>): void {
  interleaving.calls.length = 0
  Object.assign(interleaving, { run, after, ranAfter: undefined })
}

/** A storage whose callers are interrupted as planned; the interrupting verb must use the storage itself. */
export function interleavedStorage(storage: Storage, interleaving: Interleaving): Storage {
  return new Proxy(storage, {
    get(target, verb, receiver) {
      const method: unknown = Reflect.get(target, verb, receiver)
      if (typeof method !== 'function' || typeof verb !== 'string') return method
      // The server calls it by itself, at any time.
      if (verb === 'notifyOfBlocks') return method.bind(target)
      return async (...values: unknown[]) => {
        const { run, after, calls } = interleaving
        if (run && calls.length === after) {
          Object.assign(interleaving, { run: undefined, ranAfter: calls.length })
          await run()
        }
        calls.push(verb)
        return Reflect.apply(method, target, values) as unknown
      }
    },
  })
}

/** The number of storage calls before the first call of a verb, in a request that was not interrupted. */
export function callsBefore({ calls }: Interleaving, verb: keyof Storage): number {
  const before = calls.indexOf(verb)
  if (before < 0) throw new Error(`the request did not call ${verb}, only ${calls.join(', ')}`)
  return before
}
