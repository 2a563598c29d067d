import { systemClock } from 'countersign/wire'
import type { KeyStorage } from '../storage/keys/key-storage.js'
import { StorageError } from '../storage/storage-error.js'
import { KeyError } from './key-error.js'
import { type RotateKeysOptions, type Rotation, rotateKeys } from './rotate-keys.js'

export interface DueRotationOptions extends Omit<RotateKeysOptions, 'evenUnpublished'> {
  /** Seconds between two rotations. */
  rotateAfter: number
}

/**
 * Rotates the signing keys if the last rotation was too long ago, and deletes the private parts of keys whose last token
 * has ended. Of any number of instances that do this at once, one rotates.
 *
 * @returns what was done; undefined when nothing was due, or another instance did it
 * @throws KeyError `master_key_wrong`
 */
export async function rotateKeysWhenDue(
  storage: KeyStorage,
  { rotateAfter, ...options }: DueRotationOptions,
): Promise<Rotation | undefined> {
  const { now = systemClock, by } = options
  const keys = (await storage.listKeys()).filter(({ purpose }) => purpose === 'sign')
  const next = keys.find(({ state }) => state === 'next')
  // Each rotation makes a key, so the newest one is as old as the last rotation.
  const dueAt = next ? Math.max(0, ...keys.map(({ createdAt }) => createdAt)) + rotateAfter : 0
  try {
    if (now() >= Math.max(dueAt, next?.notBefore ?? 0)) return await rotateKeys(storage, options)
    const over = keys.filter(({ state, retireAt }) => state === 'retiring' && (retireAt ?? 0) <= now())
    if (over.length > 0) {
      await storage.moveKeys(
        over.map(({ kid }) => ({ kid, from: 'retiring', to: 'gone' })),
        { by },
      )
    }
    return undefined
  } catch (error) {
    if (wasFirst(error)) return undefined
    throw error
  }
}

/** Another instance rotated between the reading and the moving: the keys moved, or the next one is new already. */
function wasFirst(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'keys_changed'
  return error instanceof KeyError && error.code === 'next_key_too_new'
}
