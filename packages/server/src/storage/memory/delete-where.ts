/** Deletes the entries whose value matches; returns how many. */
export function deleteWhere<T>(map: Map<string, T>, matches: (value: T, key: string) => boolean): number {
  const before = map.size
  for (const [key, value] of map) if (matches(value, key)) map.delete(key)
  return before - map.size
}
