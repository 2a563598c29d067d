import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Reads a description in YAML or JSON, which is YAML, too. @throws Error of the file or of its text */
export async function readDescription(file: string): Promise<unknown> {
  // Aliases of aliases could be more than memory holds.
  return parse(await readFile(file, 'utf8'), { maxAliasCount: 100 }) as unknown
}
