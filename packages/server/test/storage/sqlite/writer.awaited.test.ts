import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Connection } from '../../../src/storage/sqlite/writer.js'
import { contracts } from '../contracts.js'
import { readBefore } from '../read-before.js'

/**
 * The same storage, whose queries take a turn of the event loop, as those of a database elsewhere do. A query fails if an earlier one is
 * still running, and so does the end of a transaction: the verb did not wait. Only the queries of a `Promise.all` may run together.
 */
function awaitQueries(storage: Storage): Storage {
  const { prototype } = Connection
  const execute = Reflect.get(prototype, 'execute') as Connection['execute']
  const executeQuery = Reflect.get(prototype, 'executeQuery') as Connection['executeQuery']
  const all = Reflect.get(Promise, 'all') as typeof Promise.all
  let running = 0
  let areTogether = false

  prototype.executeQuery = async function executeLater(query, since) {
    const isEarly = running > 0
    running += 1
    await nextTurn()
    try {
      if (isEarly && !areTogether) throw new TypeError(`Not awaited: the query before ${query.sql}`)
      return (await executeQuery.call(this, query, since)) as never
    } finally {
      running -= 1
      if (running === 0) areTogether = false
    }
  }
  prototype.execute = function executeNow(query) {
    if (query.sql === 'commit' && running > 0) throw new TypeError('Not awaited: the last query of a transaction')
    return execute.call(this, query) as never
  }
  Promise.all = (async (promises: readonly unknown[]) => {
    areTogether = true
    return all.call(Promise, promises)
  }) as typeof all

  return {
    ...storage,
    close() {
      Object.assign(prototype, { execute, executeQuery })
      Promise.all = all
      return storage.close()
    },
  }
}

for (const contract of contracts)
  contract('sqliteStorage called with previously read values, which waits for every query', (options) =>
    readBefore(awaitQueries(sqliteStorage(':memory:', options))),
  )
