import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AAuthError } from 'countersign/resource'

/**
 * The share of the room that content may fill, by what is proven of its sender (G44). Half is kept free of requests that no agent signed,
 * and a quarter of requests without a user's permission: a key of one's own is free, an agent costs a domain, a permission needs a user
 * of the API.
 */
export const shares = { unknown: 0.5, agent: 0.75, authorized: 1 } as const

export type Share = (typeof shares)[keyof typeof shares]

/** Room for the content of requests: in memory, and on disk for what is too large for it. */
export interface Spool {
  /** A new file without a name, so that no other program can open it. */
  open(): Promise<FileHandle>
  /** Takes room on disk, in bytes. @throws AAuthError `unavailable` if the share is used up */
  take(bytes: number, share: Share): void
  free(bytes: number): void
  /**
   * Takes room in memory, in bytes, and returns whether there was any. Half of it is for messages, which are never kept on disk: uploads
   * cannot take it from them.
   */
  hold(bytes: number, share: Share, isMessage: boolean): boolean
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
    take(bytes, share) {
      if (taken + bytes > limits().uploads * share)
        throw new AAuthError('unavailable', 'There is no room for the upload at this moment.', { retryAfter: 5 })
      taken += bytes
    },
    free(bytes) {
      taken -= bytes
    },
    hold(bytes, share, isMessage) {
      if (held + bytes > limits().memory * share * (isMessage ? 1 : 0.5)) return false
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
