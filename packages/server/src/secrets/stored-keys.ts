import { createSigner, type PrivateJwk, type PublicJwk, type Signer, systemClock } from 'countersign'
import type { KeyStorage, StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
import { generateFirstKeys, reloadInterval } from './rotate-keys.js'
import { openPrivateKey, requireMasterKey } from './sealed-private-key.js'
import { KeyError, type ServerKeys } from './server-keys.js'

export interface StoredKeysOptions {
  storage: Pick<KeyStorage, 'listKeys' | 'createKeysIfNone'>
  /**
   * 32 random bytes that encrypt the private keys in the storage. They must be kept outside the storage, and be the same on every instance.
   */
  masterKey: Uint8Array
  /** Unix seconds. @default the system clock */
  now?: () => number
}

/**
 * Keys stored in the database and shared by all instances: generated at the first start, rotated with {@link rotateKeys} while the server
 * runs. They are read again at most every 5 s; if the database is down, the last keys read stay in use.
 *
 * @throws KeyError `master_key_wrong` if the stored keys cannot be decrypted; `no_active_key` if one of them is missing
 * @throws TypeError if the master key is not 32 bytes
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
    // If the clock is set back, the periodic reads must continue.
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
  if (!secret) throw new KeyError('no_active_key', 'The database contains signing keys, but no secret.')
  return secret
}

/** The signing keys as returned by one read. */
interface KeyRing {
  active: Signer
  /** Next, active and retiring keys, until they are deleted. */
  published: readonly { jwk: PublicJwk; until: number | null }[]
  /** Decrypted keys by id, reused by the next read. */
  signers: ReadonlyMap<string, Signer>
}

/** Decrypts every key that signs or will sign, so that a wrong master key is detected immediately. @throws KeyError */
async function openKeyRing(
  stored: readonly StoredKey[],
  masterKey: Uint8Array,
  opened: ReadonlyMap<string, Signer> = new Map(),
): Promise<KeyRing> {
  const keys = stored.filter(({ purpose }) => purpose === 'sign')
  const signers = new Map<string, Signer>()
  for (const key of keys) {
    if (key.state !== 'active' && key.state !== 'next') continue
    const privateJwk = () => JSON.parse(openPrivateKey(key, masterKey).toString()) as PrivateJwk
    signers.set(key.kid, opened.get(key.kid) ?? (await createSigner(privateJwk())))
  }
  const newestActive = keys
    .filter(({ state }) => state === 'active')
    .sort((one, other) => (one.notBefore ?? 0) - (other.notBefore ?? 0))
    .at(-1)
  const active = newestActive && signers.get(newestActive.kid)
  if (!active) throw new KeyError('no_active_key', 'The database contains no active signing key.')
  const published = keys
    .filter(({ state, publicJwk }) => state !== 'gone' && publicJwk !== null)
    .map(({ publicJwk, state, retireAt }) => ({
      jwk: publicJwk as PublicJwk,
      until: state === 'retiring' ? retireAt : null,
    }))
  return { active, published, signers }
}
