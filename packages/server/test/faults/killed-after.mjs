// Calls one verb of a storage, and kills its process, as `kill -9` does, as soon as the verb has committed.

import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'

const { database, now, verb, argument } = JSON.parse(process.argv[2])
const options = { sweepInterval: 0, usageDelay: 0, now: () => now }
const storage = database.startsWith('postgres')
  ? await postgresStorage(database, { ...options, connections: 2 })
  : sqliteStorage(database, options)
await storage[verb](argument)
process.kill(process.pid, 'SIGKILL')
