import { readFile } from 'node:fs/promises'
import { createSigner, generatePrivateJwk, type PrivateJwk, type Signer } from 'countersign'
import { usageError } from '../command/errors.js'
import { wrapText } from '../terminal/text.js'

/** The signer over the private JWK in a file, such as `countersign keys generate` writes; `named` is what names it. */
export async function readSigner(path: string, named = '--key'): Promise<Signer> {
  const jwk = await readJsonFile(named, path)
  if (!isPrivateJwk(jwk)) throw usageError(`${named}: ${path} holds no private JWK (with the members kty and d).`)
  return requireUsableKey(path, createSigner(jwk), named)
}

function isPrivateJwk(jwk: object): jwk is PrivateJwk {
  return 'kty' in jwk && typeof jwk.kty === 'string' && 'd' in jwk && typeof jwk.d === 'string'
}

/** The key in a file, or a new one that is gone when the command ends. */
export async function readSigningKey(path: string | undefined, tell: (text: string) => void): Promise<Signer> {
  if (path !== undefined) return readSigner(path)
  const signer = await createSigner(await generatePrivateJwk())
  tell(wrapText('', `Signed with a new key that is not kept; its thumbprint is ${signer.thumbprint}.`))
  return signer
}

/** The JSON object in a file that a flag names. */
export async function readJsonFile(flag: string, path: string): Promise<Record<string, unknown>> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
    throw usageError(`${flag}: ${path} ${code ? `cannot be read (${code})` : 'is not JSON'}.`, cause)
  }
  throw usageError(`${flag}: ${path} is not a JSON object.`)
}

/** What is made of the key in a file; `named` is what names it: a flag, or a command. */
export async function requireUsableKey<T>(path: string, made: Promise<T>, named = '--key'): Promise<T> {
  try {
    return await made
  } catch (cause) {
    throw usageError(
      `${named}: ${path} holds no usable key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
}
