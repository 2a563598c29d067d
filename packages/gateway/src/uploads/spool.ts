import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AAuthError } from 'countersign/resource'

/** Disk for uploads that are too large for memory. */
export interface Spool {
  /** A new file, which nobody else can open: it has no name any more. */
  open(): Promise<FileHandle>
  /** Takes room, in bytes. @throws AAuthError `unavailable` where there is none left */
  take(bytes: number): void
  free(bytes: number): void
  /** Removes the folder. */
  close(): void
}

/** @param most bytes that all uploads may take together */
export function createSpool(most: number): Spool {
  let folder: string | undefined
  let taken = 0
  let count = 0
  return {
    async open() {
      folder ??= mkdtempSync(join(tmpdir(), 'countersign-gateway-'))
      const path = join(folder, String(++count))
      const file = await open(path, 'wx+', 0o600)
      await unlink(path)
      return file
    },
    take(bytes) {
      if (taken + bytes > most)
        throw new AAuthError('unavailable', 'There is no room for the upload at this moment.', { retryAfter: 5 })
      taken += bytes
    },
    free(bytes) {
      taken -= bytes
    },
    close() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      folder = undefined
    },
  }
}
