import { createSigner, type PrivateJwk, type Signer } from 'countersign'
import { usageError } from '../command/command-error.js'
import { readJsonFile } from '../flags/read-json-file.js'
import { requireUsableKey } from '../flags/require-usable-key.js'

/** The signer over the private JWK in a file, such as `countersign keys generate` writes; `named` is what names it. */
export async function readSigner(path: string, named = '--key'): Promise<Signer> {
  const jwk = await readJsonFile(named, path)
  if (!isPrivateJwk(jwk)) throw usageError(`${named}: ${path} holds no private JWK (with the members kty and d).`)
  return requireUsableKey(path, createSigner(jwk), named)
}

function isPrivateJwk(jwk: object): jwk is PrivateJwk {
  return 'kty' in jwk && typeof jwk.kty === 'string' && 'd' in jwk && typeof jwk.d === 'string'
}
