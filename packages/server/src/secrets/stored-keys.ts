import { createSigner, type PrivateJwk, type PublicJwk, type Signer, systemClock } from 'countersign'
import { firstEdition, type KeyStorage, type NewKey, type StoredKey } from '../storage/api/key-storage.js'
import { StorageError } from '../storage/api/storage-error.js'
import {
  generateFirstKeys,
  generateFirstSigningKeys,
  type KeyKind,
  reloadInterval,
  signingKeysOf,
} from './rotate-keys.js'
import { openPrivateKey, requireMasterKey } from './sealed-private-key.js'
import { KeyError, type ServerKeys, type SigningKeys } from './server-keys.js'

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
export async function storedKeys(options: StoredKeysOptions): Promise<ServerKeys> {
  const { masterKey } = options
  const kind = { edition: firstEdition, alg: 'EdDSA' }
  const opened = await openStoredKeys(options, kind.edition, (now) => generateFirstKeys(masterKey, now, kind))
  return { ...opened.keys, secret: openPrivateKey(requireSecret(opened.stored), masterKey) }
}

/**
 * The signing keys of another edition, which are generated, stored and rotated like those of {@link storedKeys}, but sign nothing else and
 * are published elsewhere.
 *
 * @throws the same as {@link storedKeys}
 */
export async function storedSigningKeys(options: StoredKeysOptions, kind: KeyKind): Promise<SigningKeys> {
  const { masterKey } = options
  return (await openStoredKeys(options, kind.edition, (now) => generateFirstSigningKeys(masterKey, now, kind))).keys
}

/** The name under which the keys that sign agent tokens of users' devices are stored and rotated. */
export const deviceKeysName = 'january-devices'

/**
 * The keys that sign the agent tokens of users' devices, for `personalAgents`. They are stored and rotated like those of
 * {@link storedSigningKeys}.
 *
 * @throws the same as {@link storedKeys}
 */
export function storedDeviceKeys(options: StoredKeysOptions): Promise<SigningKeys> {
  return storedSigningKeys(options, { edition: deviceKeysName, alg: 'EdDSA' })
}

async function openStoredKeys(
  { storage, masterKey, now = systemClock }: StoredKeysOptions,
  edition: string,
  generate: (now: number) => Promise<NewKey[]>,
): Promise<{ keys: SigningKeys; stored: readonly StoredKey[] }> {
  requireMasterKey(masterKey)
  let stored = await storage.listKeys()
  if (!stored.some((key) => key.edition === edition))
    stored = await storage.createKeysIfNone(await generate(Math.floor(now())))
  let ring = await openKeyRing(signingKeysOf(stored, edition), masterKey)
  let readAt = now()
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    try {
      ring = await openKeyRing(signingKeysOf(await storage.listKeys(), edition), masterKey, ring.signers)
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

  const keys: SigningKeys = {
    signer: async () => (await current()).active,
    async publicKeys() {
      const { published } = await current()
      return published.filter(({ until }) => until === null || until > now()).map(({ jwk }) => jwk)
    },
  }
  return { keys, stored }
}

function requireSecret(stored: readonly StoredKey[]): StoredKey {
  const secret = stored.find(({ purpose }) => purpose === 'secret')
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

/**
 * Decrypts every key that signs or will sign, so that a wrong master key is detected immediately.
 *
 * @param keys oldest first
 * @throws KeyError
 */
async function openKeyRing(
  keys: readonly StoredKey[],
  masterKey: Uint8Array,
  opened: ReadonlyMap<string, Signer> = new Map(),
): Promise<KeyRing> {
  let active: Signer | undefined
  const signers = new Map<string, Signer>()
  for (const key of keys) {
    if (key.state !== 'active' && key.state !== 'next') continue
    const privateJwk = () => JSON.parse(openPrivateKey(key, masterKey).toString()) as PrivateJwk
    const signer = opened.get(key.kid) ?? (await createSigner(privateJwk()))
    signers.set(key.kid, signer)
    if (key.state === 'active') active = signer
  }
  if (!active) throw new KeyError('no_active_key', 'The database contains no active signing key.')
  const published = keys
    .filter(({ state }) => state !== 'gone')
    .map(({ publicJwk, retireAt }) => ({ jwk: publicJwk as PublicJwk, until: retireAt }))
  return { active, published, signers }
}
