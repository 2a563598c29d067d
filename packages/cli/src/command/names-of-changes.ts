import { isDeepStrictEqual } from 'node:util'

/** The settings that are not the same, by their names. */
export function namesOfChanges(before: object, after: object): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const names = new Set([...old.keys(), ...now.keys()])
  return [...names].filter((name) => !isDeepStrictEqual(old.get(name), now.get(name)))
}
