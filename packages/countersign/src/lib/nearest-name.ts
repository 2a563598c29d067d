/** The name that somebody may have meant: the same but for capitals, or but for one or two letters of more than three. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const typed = name.toLowerCase()
  let nearest: string | undefined
  let least = typed.length > 3 ? 3 : 1
  for (const candidate of known) {
    const distance = distanceOf(typed, candidate.toLowerCase(), least)
    if (distance < least) [nearest, least] = [candidate, distance]
  }
  return nearest
}

/** How many letters must be added, taken out or replaced; not looked at further where the lengths alone make it too many. */
function distanceOf(one: string, other: string, tooMany: number): number {
  if (Math.abs(one.length - other.length) >= tooMany) return tooMany
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (const [index, letter] of Array.from(one).entries()) {
    const next = [index + 1]
    for (let at = 1; at <= other.length; at++) {
      const replaced = (row[at - 1] ?? 0) + (other[at - 1] === letter ? 0 : 1)
      next[at] = Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1)
    }
    row = next
  }
  return row[other.length] ?? tooMany
}
