import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { onTestFinished } from 'vitest'
import { openTwoStorages } from '../storage/postgres/in-postgres.js'
import { temporaryFile } from '../storage/temporary-file.js'

type OpenTwo = (now: () => number) => Storage[] | Promise<Storage[]>

function twoOnSqlite(now: () => number): Storage[] {
  const file = temporaryFile()
  return [1, 2].map(() => sqliteStorage(file, { now, sweepInterval: 0 }))
}

/** How to open two storages on one database, by engine. */
export const engines: readonly (readonly [name: string, open: OpenTwo])[] = [
  ['SQLite', twoOnSqlite],
  ['PostgreSQL', openTwoStorages],
]

/** Two storages on one database, with one adjustable clock. */
export async function openTwo(open: OpenTwo = twoOnSqlite) {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const storages = await open(now)
  const [storage] = storages
  if (!storage) throw new TypeError('expected two storages')
  onTestFinished(async () => {
    await Promise.all(storages.map((each) => each.close()))
  })
  return { clock, now, storages, storage }
}
