import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { firstEdition, type NewKey, type StoredKey } from '../storage/api/key-storage.js'
import { KeyError } from './server-keys.js'

/** The data that the seal is bound to, so that stored keys can neither be swapped nor moved to another edition. */
type SealedFor = Pick<NewKey, 'kid' | 'purpose' | 'edition'>

/** The authenticated data of a seal. */
function sealContext({ kid, purpose, edition = firstEdition }: SealedFor): Buffer {
  // The seals of the first edition are older than editions.
  const owner = edition === firstEdition ? [] : [edition]
  return Buffer.from(JSON.stringify(['countersign key', purpose, kid, ...owner]))
}

/** Encrypts a private key with AES-256-GCM: `v1.<iv>.<ciphertext>.<tag>`, each base64url. */
export function sealPrivateKey(plain: Uint8Array, masterKey: Uint8Array, key: SealedFor): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', masterKey, iv).setAAD(sealContext(key))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return ['v1', ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
}

const wrong =
  'The keys in the database are encrypted with a different master key, or were modified. Start the server with the master key that was set when they were created: they cannot be decrypted without it.'

/** Decrypts a stored private key. @throws KeyError `master_key_wrong`, also if the stored value was modified */
export function openPrivateKey(key: StoredKey, masterKey: Uint8Array): Buffer {
  const [version, iv, sealed, tag, ...rest] = (key.private ?? '').split('.')
  if (version !== 'v1' || iv === undefined || sealed === undefined || tag === undefined || rest.length > 0) {
    throw new KeyError('master_key_wrong', `The private key of ${key.kid} was not encrypted by this server.`)
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', masterKey, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
      .setAAD(sealContext(key))
      .setAuthTag(Buffer.from(tag, 'base64url'))
    return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()])
  } catch (cause) {
    throw new KeyError('master_key_wrong', wrong, { cause })
  }
}

/** Length of a master key, in bytes. */
export const masterKeyLength = 32

/** @throws TypeError unless the key is 32 bytes */
export function requireMasterKey(masterKey: Uint8Array): void {
  if (masterKey.length !== masterKeyLength) throw new TypeError(`masterKey must be ${masterKeyLength} random bytes`)
}
