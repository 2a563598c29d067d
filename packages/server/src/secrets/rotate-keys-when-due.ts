import { systemClock } from 'countersign/wire'
import type { KeyStorage, StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
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
  try {
    if (now() >= rotationDueAt(keys, rotateAfter)) return await rotateKeys(storage, options)
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

/** When the next rotation is due, in Unix seconds; 0 where there is no key that could sign next. */
export function rotationDueAt(keys: readonly StoredKey[], rotateAfter: number): number {
  const signing = keys.filter(({ purpose }) => purpose === 'sign')
  const next = signing.find(({ state }) => state === 'next')
  if (!next) return 0
  // Each rotation makes a key, so the newest one is as old as the last rotation.
  return Math.max(Math.max(...signing.map(({ createdAt }) => createdAt)) + rotateAfter, next.notBefore ?? 0)
}

/** Another instance rotated between the reading and the moving: the keys moved, or the next one is new already. */
function wasFirst(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'keys_changed'
  return error instanceof KeyError && error.code === 'next_key_too_new'
}
