import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Storage } from 'countersign-server'
import { openStorage } from '../operate/open-storage.js'
import type { Closers } from './closers.js'

/** Opens the SQLite file, or one in a temporary directory that is removed when everything is closed. */
export async function openDatabase(file: string | undefined, closers: Closers): Promise<Storage> {
  const path = file ?? join(await temporaryDirectory(closers), 'auth.db')
  const storage = openStorage(path)
  closers.add(() => storage.close())
  return storage
}

async function temporaryDirectory(closers: Closers): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  closers.add(() => rm(directory, { recursive: true, force: true }))
  return directory
}
