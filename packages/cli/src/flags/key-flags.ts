import { readFile } from 'node:fs/promises'
import { createSigner, generatePrivateJwk, type PrivateJwk, type Signer } from 'countersign'
import { usageError } from '../command/errors.js'
import { wrapText } from '../terminal/text.js'

/**
 * Creates a signer from the private JWK in a file, such as one written by `countersign agent keys generate`. `named` is the flag or command
 * to mention in error messages.
 */
export async function readSigner(path: string, named = '--key'): Promise<Signer> {
  const jwk = await readJsonFile(named, path)
  if (!isPrivateJwk(jwk))
    throw usageError(`${named}: ${path} does not contain a private JWK (with the members kty and d).`)
  return requireUsableKey(path, createSigner(jwk), named)
}

function isPrivateJwk(jwk: object): jwk is PrivateJwk {
  return 'kty' in jwk && typeof jwk.kty === 'string' && 'd' in jwk && typeof jwk.d === 'string'
}

/** Returns a signer for the key in a file, or for a new key that is not saved. */
export async function readSigningKey(path: string | undefined, tell: (text: string) => void): Promise<Signer> {
  if (path !== undefined) return readSigner(path)
  const signer = await createSigner(await generatePrivateJwk())
  tell(wrapText('', `Signed with a new key, which is not saved; its thumbprint is ${signer.thumbprint}.`))
  return signer
}

/** Reads a JSON object from the file that a flag specifies. */
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

/** Awaits an object that is created from the key in a file. `named` is the flag or command to mention in error messages. */
export async function requireUsableKey<T>(path: string, made: Promise<T>, named = '--key'): Promise<T> {
  try {
    return await made
  } catch (cause) {
    throw usageError(
      `${named}: ${path} does not contain a usable key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
}
