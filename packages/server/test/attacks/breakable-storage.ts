import type { Storage } from 'countersign-server'

/** When and how a storage fails; created for each request. */
export interface Breakdown {
  /** The error that its methods reject with. If undefined, the storage works. */
  error: unknown
  /** The number of method calls that succeed before the failure. */
  after: number
  /** The number of method calls so far. */
  calls: number
}

/** Wraps a storage so that it works until a breakdown is set. */
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

/** A breakdown with no error: the storage works. */
export function noBreakdown(): Breakdown {
  return { error: undefined, after: 0, calls: 0 }
}
