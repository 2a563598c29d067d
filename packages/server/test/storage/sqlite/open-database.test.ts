import { expect, it, onTestFinished } from 'vitest'
import { openAgain, openDatabase } from '../../../src/storage/sqlite/open-database.js'
import { temporaryFile } from '../temporary-file.js'

const always = { trusted_schema: 0, foreign_keys: 1, temp_store: 2, busy_timeout: 0 }

it('opens a file with checked references, in WAL mode, and with a schema that runs no functions of others', () => {
  const path = temporaryFile()
  const [writing, reading] = [openDatabase(path), openAgain(path)]
  onTestFinished(() => {
    for (const database of [writing, reading]) database?.close()
  })
  const settings = (database: typeof reading, wanted: object) =>
    Object.fromEntries(Object.keys(wanted).map((name) => [name, database?.pragma(name, { simple: true })]))
  const written = { ...always, journal_mode: 'wal', synchronous: 2, wal_autocheckpoint: 16_000 }
  expect(settings(writing, written)).toEqual(written)
  expect(settings(reading, always)).toEqual(always)
})

it('opens a database in memory like a file, but only once', () => {
  const database = openDatabase(':memory:')
  onTestFinished(() => void database.close())
  for (const [name, value] of Object.entries(always)) expect(database.pragma(name, { simple: true }), name).toBe(value)
  expect(openAgain(':memory:')).toBeUndefined()
})
