import type { Storage } from 'countersign-server'

/** Two engines on one database, as two instances of a server have: each verb is for the other one than the verb before. */
export function inTurn(engines: readonly [Storage, Storage]): Storage {
  let calls = 0
  return new Proxy(engines[0], {
    get(_, verb) {
      if (verb === 'close') return async () => void (await Promise.all(engines.map((engine) => engine.close())))
      // What is awaited is no verb.
      if (verb === 'then') return undefined
      const engine = engines[calls++ % 2 === 0 ? 0 : 1]
      return Reflect.get(engine, verb) as unknown
    },
  })
}
