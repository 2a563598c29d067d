import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Storage, StorageError, sqliteStorage } from 'countersign-server'
import { CommandError } from '../command-error.js'
import type { Closers } from './closers.js'

/** Opens the SQLite file, or one in a temporary directory that is removed when everything is closed. */
export async function openDatabase(file: string | undefined, closers: Closers): Promise<Storage> {
  const path = file ?? join(await temporaryDirectory(closers), 'auth.db')
  try {
    const storage = sqliteStorage(path)
    closers.add(() => storage.close())
    return storage
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    throw new CommandError(`The database ${path} cannot be opened: ${reasonOf(error)}.`, { cause: error })
  }
}

async function temporaryDirectory(closers: Closers): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  closers.add(() => rm(directory, { recursive: true, force: true }))
  return directory
}

function reasonOf({ cause, message }: StorageError): string {
  return cause instanceof Error ? cause.message : message
}
