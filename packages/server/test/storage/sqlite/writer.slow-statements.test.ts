import { setImmediate as nextTurn } from 'node:timers/promises'
import { sqliteStorage } from 'countersign-server/sqlite'
import { beforeEach, vi } from 'vitest'
import { Connection } from '../../../src/storage/sqlite/writer.js'
import { contracts } from '../contracts.js'

// Each statement takes a turn of the event loop, as it does over a network. A transaction that would be committed while one of its statements
// has not run fails: a verb has to await all of them.
beforeEach(() => {
  const { executeQuery, execute } = Object.getOwnPropertyDescriptors(Connection.prototype)
  const waiting = new Map<Connection, number>()
  const count = (connection: Connection, by: number) => waiting.set(connection, (waiting.get(connection) ?? 0) + by)
  vi.spyOn(Connection.prototype, 'executeQuery').mockImplementation(async function (this: Connection, ...query) {
    count(this, 1)
    await nextTurn()
    count(this, -1)
    return executeQuery.value?.apply(this, query)
  } as Connection['executeQuery'])
  vi.spyOn(Connection.prototype, 'execute').mockImplementation(function (this: Connection, query) {
    if (query.sql === 'commit' && waiting.get(this) !== 0) throw new TypeError('a statement was not awaited')
    return execute.value?.call(this, query)
  } as Connection['execute'])
})

for (const contract of contracts) contract('sqliteStorage in memory', (options) => sqliteStorage(':memory:', options))
