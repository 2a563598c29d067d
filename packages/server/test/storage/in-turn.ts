import type { Storage } from 'countersign-server'

/** Two engines on one database, like two instances of a server: verbs alternate between them. */
export function inTurn(engines: readonly [Storage, Storage]): Storage {
  let calls = 0
  return new Proxy(engines[0], {
    get(_, verb) {
      if (verb === 'close') return async () => void (await Promise.all(engines.map((engine) => engine.close())))
      // A thenable check on await is not a verb.
      if (verb === 'then') return undefined
      const engine = engines[calls++ % 2 === 0 ? 0 : 1]
      return Reflect.get(engine, verb) as unknown
    },
  })
}
