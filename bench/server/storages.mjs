import { statSync } from 'node:fs'
import { join } from 'node:path'

/** Nonces of one agent, and in all: a load test makes more than agents do. */
const nonces = { perAgent: 10_000_000, perNetwork: 10_000_000, total: 10_000_000 }

/** What the argument `--storage` may say. @throws TypeError for anything else */
export function requireStorage(storage) {
  if (storage === 'sqlite') return storage
  throw new TypeError('--storage takes sqlite')
}

/** Opens the storage that is measured, and says how many bytes it takes on the disk. */
export async function openStorage({ folder }) {
  const [{ sqliteStorage }, { default: Database }] = await Promise.all([
    import('countersign-server/sqlite'),
    import('better-sqlite3'),
  ])
  const path = join(folder, 'auth.db')
  return {
    storage: sqliteStorage(path, { limits: { nonces } }),
    bytes() {
      const database = new Database(path)
      database.pragma('wal_checkpoint(truncate)')
      database.close()
      return statSync(path).size
    },
  }
}
