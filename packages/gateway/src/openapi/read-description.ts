import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Reads a description in YAML or JSON, which is YAML, too. @throws Error of the file or of its text */
export async function readDescription(file: string): Promise<unknown> {
  // `<<` is of YAML 1.1, but in use. Aliases of aliases could be more than memory holds.
  return parse(await readFile(file, 'utf8'), { maxAliasCount: 100, merge: true }) as unknown
}
