import { createCipheriv, randomBytes } from 'node:crypto'
import type { NewKey } from '../storage/keys/key-storage.js'

/** What the seal is bound to, so that no stored key can take another's place. */
export type SealedFor = Pick<NewKey, 'kid' | 'purpose'>

/** The authenticated data of a seal. */
export function sealContext({ kid, purpose }: SealedFor): Buffer {
  return Buffer.from(JSON.stringify(['countersign key', purpose, kid]))
}

/** Encrypts a private part with AES-256-GCM: `v1.<iv>.<ciphertext>.<tag>`, each base64url. */
export function sealPrivateKey(plain: Uint8Array, masterKey: Uint8Array, key: SealedFor): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', masterKey, iv).setAAD(sealContext(key))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return ['v1', ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
}
