import { systemClock } from 'countersign/wire'
import type { KeyStorage, StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
import { generateFirstKeys } from './generate-keys.js'
import { KeyError } from './key-error.js'
import { openKeyRing } from './key-ring.js'
import { reloadInterval } from './key-times.js'
import { requireMasterKey } from './require-master-key.js'
import { openPrivateKey } from './sealed-private-key.js'
import type { ServerKeys } from './server-keys.js'

export interface StoredKeysOptions {
  storage: Pick<KeyStorage, 'listKeys' | 'createKeysIfNone'>
  /** 32 random bytes that encrypt the private parts in the storage; kept outside of it, the same on every instance. */
  masterKey: Uint8Array
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/**
 * Keys that live in the storage, shared by all instances: made at the first start, rotated with {@link rotateKeys} while
 * the server runs. They are read again at most every 5 s; while the database is down, the keys read last go on.
 *
 * @throws KeyError `master_key_wrong` when the stored keys cannot be opened
 * @throws TypeError when the master key is not 32 bytes
 * @example
 * ```ts
 * const keys = await storedKeys({ storage, masterKey: Buffer.from(process.env.MASTER_KEY ?? '', 'base64url') })
 * ```
 */
export async function storedKeys({ storage, masterKey, now = systemClock }: StoredKeysOptions): Promise<ServerKeys> {
  requireMasterKey(masterKey)
  let stored = await storage.listKeys()
  if (stored.length === 0)
    stored = await storage.createKeysIfNone(await generateFirstKeys(masterKey, Math.floor(now())))
  const secret = openPrivateKey(requireSecret(stored), masterKey)
  let ring = await openKeyRing(stored, masterKey)
  let readAt = now()
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    try {
      ring = await openKeyRing(await storage.listKeys(), masterKey, ring.signers)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    } finally {
      readAt = now()
      reading = undefined
    }
  }

  async function current(): Promise<typeof ring> {
    // A clock that was set back must not stop the reading.
    if (Math.abs(now() - readAt) >= reloadInterval) reading ??= read()
    await reading
    return ring
  }

  return {
    secret,
    signer: async () => (await current()).active,
    async publicKeys() {
      const { published } = await current()
      return published.filter(({ until }) => until === null || until > now()).map(({ jwk }) => jwk)
    },
  }
}

function requireSecret(stored: readonly StoredKey[]): StoredKey {
  const secret = stored.find(({ purpose, state }) => purpose === 'secret' && state === 'active')
  if (!secret) throw new KeyError('no_active_key', 'The database holds signing keys, but no secret.')
  return secret
}
