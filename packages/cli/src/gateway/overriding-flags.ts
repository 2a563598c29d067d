/** Returns the flags that override settings of a gateway's configuration file, by setting. */
export function overridingFlags({
  upstream,
  verifyOnly,
}: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const given: [string, unknown][] = [
    ['upstream.url', upstream],
    ['verifyOnly', verifyOnly],
  ]
  return new Map(given.filter(([, value]) => value !== undefined))
}
