/** The setting that was meant by a name that is none: misspelled, at another level, or said in more words. */
export function nearestName(unknown: string, settings: readonly string[]): string | undefined {
  const known = [...new Set(settings.flatMap((name) => [...groupsOf(name), name]))]
  const folded = (name: string) => name.toLowerCase().replaceAll(/[^a-z.]/g, '')
  const words = wordsOf(unknown)
  const isSaidBy = (wanted: readonly string[]) => wanted.every((word) => words.includes(word))
  return (
    known.find((name) => isNear(folded(name), folded(unknown))) ??
    known.find((name) => folded(lastPart(name)) === folded(lastPart(unknown))) ??
    known.find((name) => isNear(folded(lastPart(name)), folded(lastPart(unknown)))) ??
    settings.find((name) => words.length > 1 && isSaidBy(wordsOf(name))) ??
    settings.filter((name) => isSaidBy(wordsOf(lastPart(name)))).at(0)
  )
}

/** `pages.footer.help` → `pages`, `pages.footer` */
function groupsOf(name: string): string[] {
  const parts = name.split('.')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
}

/** `listen.port` → `port` */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** `authTokenLifetime` → `auth`, `token`, `lifetime` */
function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase().replace(/s$/, ''))
}

/** Whether two names differ by one letter, or by two neighbours that changed places. */
function isNear(one: string, other: string): boolean {
  if (one === other) return true
  if (Math.abs(one.length - other.length) > 1) return false
  let at = 0
  while (one[at] === other[at]) at++
  const swapped = one[at] === other[at + 1] && one[at + 1] === other[at] && one.slice(at + 2) === other.slice(at + 2)
  const rests = [
    [at + 1, at + 1],
    [at + 1, at],
    [at, at + 1],
  ] as const
  return swapped || rests.some(([mine, theirs]) => one.slice(mine) === other.slice(theirs))
}
