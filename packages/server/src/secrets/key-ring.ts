import { createSigner, type PrivateJwk, type PublicJwk, type Signer } from 'countersign'
import type { StoredKey } from '../storage/api/key-storage.js'
import { KeyError } from './key-error.js'
import { openPrivateKey } from './sealed-private-key.js'

/** The signing keys as they stood at one reading. */
interface KeyRing {
  active: Signer
  /** Next, active and retiring keys, until they are gone. */
  published: readonly { jwk: PublicJwk; until: number | null }[]
  /** Opened keys by their id, for the next reading. */
  signers: ReadonlyMap<string, Signer>
}

/** Opens every key that signs or will sign, so that a wrong master key shows at once. @throws KeyError */
export async function openKeyRing(
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
  if (!active) throw new KeyError('no_active_key', 'The database holds no active signing key.')
  const published = keys
    .filter(({ state, publicJwk }) => state !== 'gone' && publicJwk !== null)
    .map(({ publicJwk, state, retireAt }) => ({
      jwk: publicJwk as PublicJwk,
      until: state === 'retiring' ? retireAt : null,
    }))
  return { active, published, signers }
}
