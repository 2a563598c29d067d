import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { start } from './contract/in-storage.js'
import { violationContract } from './contract/violations.js'
import { temporaryFile } from './temporary-file.js'

violationContract('sqliteStorage', async () => {
  const path = temporaryFile()
  return {
    storage: sqliteStorage(path, { now: () => start, sweepInterval: 0 }),
    async run(statement) {
      const database = new Database(path)
      database.pragma('foreign_keys = OFF')
      database.exec(statement)
      database.close()
    },
  }
})
