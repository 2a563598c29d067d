import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'

/** Tells a file that was changed from what it was. */
export async function fileDigest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('base64')
}

/** The settings that are not the same, by their names, as `limits.rateFactor`. */
export function namesOfChanges(before: object, after: object, within = ''): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = new Set([...old.keys(), ...now.keys()])
  return [...names].flatMap((name) => {
    const [was, is]: unknown[] = [old.get(name), now.get(name)]
    if (isDeepStrictEqual(was, is)) return []
    return isGroup(was) && isGroup(is) ? namesOfChanges(was, is, `${within}${name}.`) : [within + name]
  })
}

function isGroup(setting: unknown): setting is object {
  return typeof setting === 'object' && setting !== null && !Array.isArray(setting)
}
