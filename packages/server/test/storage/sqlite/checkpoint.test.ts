import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { checkpointWal } from '../../../src/storage/sqlite/checkpoint.js'
import { temporaryFile } from '../temporary-file.js'

it('checkpoints the WAL into the file, and causes no failure if it cannot', () => {
  const database = new Database(temporaryFile())
  database.exec('pragma journal_mode = wal; create table t (a); insert into t values (1)')
  const copied = checkpointWal(database)
  expect(copied?.log).toBeGreaterThan(0)
  expect(copied?.checkpointed).toBe(copied?.log)
  // All of it was checkpointed: the next write restarts the WAL.
  database.exec('insert into t values (2)')
  expect(checkpointWal(database)?.round).toBe((copied?.round ?? 0) + 1)
  database.close()
  expect(checkpointWal(database)).toBeUndefined()
})
