import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { StorageError } from '../api/storage-error.js'

/**
 * Requires that this process may write a SQLite file, and the files that SQLite keeps beside it.
 *
 * @throws {StorageError} `not_writable`, with what to change
 */
export function requireWritable(path: string): void {
  const folder = dirname(path)
  if (statOf(folder)) requireMode(folder, constants.W_OK | constants.X_OK, 'u+wx')
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (statOf(file)) requireMode(file, constants.R_OK | constants.W_OK, 'u+rw')
  }
}

function requireMode(file: string, access: number, mode: string): void {
  try {
    accessSync(file, access)
  } catch (cause) {
    throw new StorageError('not_writable', `${file} cannot be written: ${adviceFor(file, cause, mode)}.`, { cause })
  }
}

function adviceFor(file: string, cause: unknown, mode: string): string {
  const owner = statOf(file)?.uid
  const user = process.getuid?.()
  if (cause instanceof Error && 'code' in cause && cause.code === 'EROFS') return 'its file system is mounted read-only'
  if (user === undefined || owner === undefined || owner === user)
    return `give its user the right to, as with chmod ${mode} ${file}`
  return `it belongs to user ${owner}, and this runs as user ${user}: run it as that user, or chown ${user} ${file}`
}

function statOf(file: string): Stats | undefined {
  return statSync(file, { throwIfNoEntry: false })
}
