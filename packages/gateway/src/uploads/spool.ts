import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AAuthError } from 'countersign/resource'

/** Room for the content of requests: in memory, and on disk for what is too large for it. */
export interface Spool {
  /** A new file, which nobody else can open: it has no name any more. */
  open(): Promise<FileHandle>
  /** Takes room, in bytes. @throws AAuthError `unavailable` where there is none left */
  take(bytes: number): void
  free(bytes: number): void
  /**
   * Takes room in memory, in bytes; whether there was any. Half of it is for messages, which are read there and nowhere else: uploads,
   * also of strangers, cannot take it from them.
   */
  hold(bytes: number, isMessage: boolean): boolean
  release(bytes: number): void
  /** Removes the folder. */
  close(): void
}

/** @param limits bytes that all requests may take together, on disk and in memory, as they are at the time */
export function createSpool(limits: () => { uploads: number; memory: number }): Spool {
  let folder: string | undefined
  let taken = 0
  let held = 0
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
      if (taken + bytes > limits().uploads)
        throw new AAuthError('unavailable', 'There is no room for the upload at this moment.', { retryAfter: 5 })
      taken += bytes
    },
    free(bytes) {
      taken -= bytes
    },
    hold(bytes, isMessage) {
      if (held + bytes > limits().memory * (isMessage ? 1 : 0.5)) return false
      held += bytes
      return true
    },
    release(bytes) {
      held -= bytes
    },
    close() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      folder = undefined
    },
  }
}
