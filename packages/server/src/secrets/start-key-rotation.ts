import type { KeyStorage } from '../storage/api/key-storage.js'
import type { Rotation } from './rotate-keys.js'
import { type DueRotationOptions, rotateKeysWhenDue } from './rotate-keys-when-due.js'

export interface KeyRotationOptions extends Omit<DueRotationOptions, 'by'> {
  storage: KeyStorage
  /** Told of each rotation that this instance did. */
  onRotated?: (rotation: Rotation) => void
  /** Told when it failed; it is tried again an hour later. */
  onError: (error: unknown) => void
}

const hour = 3_600_000

/**
 * Lets the signing keys rotate by themselves: looks now and every hour whether it is time, on every instance, without
 * keeping the process alive. The audit names the server.
 *
 * @returns a function that stops it, and resolves when what runs has ended
 * @example
 * ```ts
 * const stop = startKeyRotation({ storage, masterKey, tokenLifetime: 600, rotateAfter: 90 * 86_400, onError: console.error })
 * ```
 */
export function startKeyRotation({ storage, onRotated, onError, ...options }: KeyRotationOptions): () => Promise<void> {
  let running: Promise<void> | undefined
  const look = () => {
    running ??= rotateKeysWhenDue(storage, { ...options, by: 'server' })
      .then((rotation) => rotation && onRotated?.(rotation))
      .catch(onError)
      .finally(() => {
        running = undefined
      })
  }
  look()
  const timer = setInterval(look, hour)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
