import { readFileSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { start } from './contract/in-storage.js'
import { fillWithEverything, violationContract } from './contract/violations.js'
import { temporaryFile } from './temporary-file.js'

const options = { now: () => start, sweepInterval: 0 }

let filled: Buffer | undefined

/** A file with at least one row of each kind. */
async function filledFile(): Promise<string> {
  filled ??= await fill()
  const path = temporaryFile()
  writeFileSync(path, filled)
  return path
}

async function fill(): Promise<Buffer> {
  const path = temporaryFile()
  const storage = sqliteStorage(path, options)
  await fillWithEverything(storage)
  await storage.close()
  return readFileSync(path)
}

violationContract('sqliteStorage', async () => {
  const path = await filledFile()
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

it.each([
  'update app_user set closed_at = 1 where disabled_at is null',
  "update app_user set public_id = x'00'",
  "update code set code_hash = x'00'",
  'update agent set last_seen_at = null where first_seen_at is not null',
  'update agent set first_seen_at = null, last_seen_at = null where blocked_at is not null',
  'update email set due_at = 1 where outcome is not null',
  'update email set settled_at = null where outcome is not null',
  "update revocation_delivery set outcome = 'failed', settled_at = 1",
  "update revocation_delivery set outcome = 'failed', due_at = null",
  "update token_issue set policy = 'p', agent_id = 1, resource_id = 1 where grant_id is not null",
  'update token_issue set agent_id = null where policy is not null',
  'update token_issue set resource_id = null where policy is not null',
])('a row that contradicts itself cannot be stored: %s', async (statement) => {
  const database = new Database(await filledFile())
  onTestFinished(() => void database.close())
  expect(() => database.exec(statement)).toThrow(/CHECK constraint failed/)
})
