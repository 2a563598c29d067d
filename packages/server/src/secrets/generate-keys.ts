import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import type { NewKey } from '../storage/api/key-storage.js'
import { publishedBeforeUse } from './key-times.js'
import { sealPrivateKey } from './sealed-private-key.js'

/** A new Ed25519 key, sealed, named by its thumbprint. @param notBefore Unix seconds: when it may sign */
export async function generateSigningKey(
  masterKey: Uint8Array,
  { state, notBefore }: { state: 'next' | 'active'; notBefore: number },
): Promise<NewKey> {
  const privateJwk = await generatePrivateJwk()
  const { jwk } = await createSigner(privateJwk)
  const key = { kid: privateJwk.kid, purpose: 'sign' } as const
  const sealed = sealPrivateKey(Buffer.from(JSON.stringify(privateJwk)), masterKey, key)
  return { ...key, alg: 'EdDSA', private: sealed, publicJwk: { ...jwk }, state, notBefore }
}

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
