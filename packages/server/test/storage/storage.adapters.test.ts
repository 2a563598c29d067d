import type { Storage, StorageOptions } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import type { MakeStorage } from './contract/in-storage.js'
import { contracts } from './contracts.js'
import { inTurn } from './in-turn.js'
import { temporaryFile } from './temporary-file.js'

function inFileInTurn(options: StorageOptions): Storage {
  const path = temporaryFile()
  return inTurn([sqliteStorage(path, options), sqliteStorage(path, options)])
}

const adapters: readonly [string, MakeStorage][] = [
  ['sqliteStorage in a file', (options) => sqliteStorage(temporaryFile(), options)],
  ['two engines on one SQLite file', inFileInTurn],
]

for (const [name, makeStorage] of adapters) for (const contract of contracts) contract(name, makeStorage)
