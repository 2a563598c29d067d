import { readFileSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { start } from './contract/in-storage.js'
import { fillWithEverything, violationContract } from './contract/violations.js'
import { temporaryFile } from './temporary-file.js'

const options = { now: () => start, sweepInterval: 0 }

let filled: Buffer | undefined

async function fill(): Promise<Buffer> {
  const path = temporaryFile()
  const storage = sqliteStorage(path, options)
  await fillWithEverything(storage)
  await storage.close()
  return readFileSync(path)
}

violationContract('sqliteStorage', async () => {
  filled ??= await fill()
  const path = temporaryFile()
  writeFileSync(path, filled)
  return {
    storage: sqliteStorage(path, options),
    async run(statement) {
      const database = new Database(path)
      database.pragma('foreign_keys = OFF')
      database.exec(statement)
      database.close()
    },
  }
})
