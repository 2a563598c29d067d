import type { Storage } from 'countersign-server'

/** When and how a storage breaks; made anew for each request. */
export interface Breakdown {
  /** What its verbs reject with; undefined: it works. */
  error: unknown
  /** How many verbs still work before. */
  after: number
  /** How many verbs were called since. */
  calls: number
}

/** A storage that works until it is told to break. */
export function breakableStorage(storage: Storage, breakdown: Breakdown): Storage {
  return new Proxy(storage, {
    get(target, verb, receiver) {
      const method: unknown = Reflect.get(target, verb, receiver)
      if (typeof method !== 'function') return method
      return async (...values: unknown[]) => {
        if (breakdown.error !== undefined && breakdown.calls++ >= breakdown.after) throw breakdown.error
        return Reflect.apply(method, target, values) as unknown
      }
    },
  })
}

/** A storage in order. */
export function noBreakdown(): Breakdown {
  return { error: undefined, after: 0, calls: 0 }
}
