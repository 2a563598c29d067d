import { randomBytes } from 'node:crypto'
import { readPrivateFile, writePrivateFile } from 'countersign/node'
import { usageError } from '../command/command-error.js'

/**
 * The secret that programs must know, from a file that its user alone can read; a new one is made where there is none.
 *
 * @throws FileStoreError for a file that others could read
 */
export async function readSecret(path: string): Promise<string> {
  const text = await readPrivateFile(path)
  if (text === undefined) {
    const secret = randomBytes(24).toString('base64url')
    await writePrivateFile(path, `${secret}\n`)
    return secret
  }
  const secret = text.trim()
  if (!/^[\w.~-]{20,}$/.test(secret))
    throw usageError(`${path} holds no secret: at least 20 letters and digits. Take it away, and another one is made.`)
  return secret
}
