import type { Storage } from 'countersign-server'

/** A verb that commits while a request is in progress, before one of the storage calls of that request. */
export interface Interleaving {
  /** What commits in between; undefined: nothing. */
  run: (() => Promise<unknown>) | undefined
  /** How many storage calls of the request come first. */
  after: number
  /** The storage verbs that the request called, in order. */
  readonly calls: string[]
  /** How many of them `run` came after; undefined: it did not run. */
  ranAfter: number | undefined
}

/** Nothing commits in between. */
export function noInterleaving(): Interleaving {
  return { run: undefined, after: 0, calls: [], ranAfter: undefined }
}

/** Starts to count calls again, and plans what commits before the next but `after` of them. */
export function plan(interleaving: Interleaving, after = 0, run?: () => Promise<unknown>): void {
  interleaving.calls.length = 0
  Object.assign(interleaving, { run, after, ranAfter: undefined })
}

/** A storage whose callers are interrupted as planned; what commits in between must use the storage itself. */
export function interleavedStorage(storage: Storage, interleaving: Interleaving): Storage {
  return new Proxy(storage, {
    get(target, verb, receiver) {
      const method: unknown = Reflect.get(target, verb, receiver)
      if (typeof method !== 'function' || typeof verb !== 'string') return method
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

/** How many storage calls come before the first of a verb, in a request that was not interrupted. */
export function callsBefore({ calls }: Interleaving, verb: keyof Storage): number {
  const before = calls.indexOf(verb)
  if (before < 0) throw new Error(`the request did not call ${verb}, only ${calls.join(', ')}`)
  return before
}
