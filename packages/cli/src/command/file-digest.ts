import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Tells a file that was changed from what it was. */
export async function fileDigest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('base64')
}
