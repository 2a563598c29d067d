import { randomBytes } from 'node:crypto'
import type { NewKey } from '../storage/keys/key-storage.js'
import { generateSigningKey } from './generate-signing-key.js'
import { publishedBeforeUse } from './key-times.js'
import { sealPrivateKey } from './seal-private-key.js'

/**
 * What a new server starts with: a key that signs at once, since no cache can know this server yet; the next one, so that
 * it has long been published when it is needed; and the secret that codes and form values are derived from.
 */
export async function generateFirstKeys(masterKey: Uint8Array, now: number): Promise<NewKey[]> {
  const secret = { kid: `secret-${randomBytes(8).toString('hex')}`, purpose: 'secret' } as const
  return [
    await generateSigningKey(masterKey, { state: 'active', notBefore: now }),
    await generateSigningKey(masterKey, { state: 'next', notBefore: now + publishedBeforeUse }),
    {
      ...secret,
      alg: 'HS256',
      private: sealPrivateKey(randomBytes(32), masterKey, secret),
      publicJwk: null,
      state: 'active',
      notBefore: now,
    },
  ]
}
