import Database from 'better-sqlite3'
import { expect, it, onTestFinished, vi } from 'vitest'
import { checkpointWal, createCheckpointer } from '../../../src/storage/sqlite/checkpoint.js'
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

it.each([
  ['only partly', { log: 2, checkpointed: 1, round: 0 }],
  ['not at all', undefined],
])(
  'checkpoints what was written during a check of the worker at the next commit, once, even if that is %s possible',
  async (_how, copied) => {
    const path = temporaryFile()
    const database = new Database(path)
    onTestFinished(() => void database.close())
    database.pragma('journal_mode = wal')
    database.pragma('wal_autocheckpoint = 0')
    database.exec('create table a (b integer)')
    const copy = vi.fn(() => copied)
    const checkpointer = createCheckpointer(path, { copy, most: 16_000 })
    onTestFinished(() => checkpointer.close())
    for (let commit = 0; commit < 500; commit++) checkpointer.committed()
    expect(copy).not.toHaveBeenCalled()
    const commitUntilCopied = () => {
      checkpointer.committed()
      return copy.mock.calls.length === 1
    }
    // Unlike expect.poll, this fails if a commit throws.
    await vi.waitUntil(commitUntilCopied, { timeout: 30_000 })
    checkpointer.committed()
    expect(copy).toHaveBeenCalledTimes(1)
  },
)
