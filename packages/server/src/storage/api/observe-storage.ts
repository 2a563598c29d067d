import type { Tell } from 'countersign/wire'
import { type Storage, StorageError } from './storage.js'

/** The same storage; each of its verbs is told when it ended, with the time that it took. */
export function observeStorage(storage: Storage, tell: Tell): Storage {
  return new Proxy(storage, {
    get(target, name): unknown {
      const found: unknown = Reflect.get(target, name)
      if (typeof found !== 'function' || typeof name !== 'string') return found
      return async (...args: unknown[]): Promise<unknown> => {
        const began = performance.now()
        let outcome = 'ok'
        try {
          return (await Reflect.apply(found, target, args)) as unknown
        } catch (error) {
          outcome = error instanceof StorageError ? error.code : 'failed'
          throw error
        } finally {
          tell({ kind: 'storage', verb: name, outcome, duration: (performance.now() - began) / 1000 })
        }
      }
    },
  })
}
