import { createSigner, generatePrivateJwk } from 'countersign'
import type { NewKey } from '../storage/keys/key-storage.js'
import { sealPrivateKey } from './seal-private-key.js'

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
