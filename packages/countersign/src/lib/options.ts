/**
 * Throws a TypeError for an unknown option and suggests a similar one. Otherwise, a misspelled option would silently keep its default.
 *
 * @param known the names of all options
 */
export function requireKnownOptions(of: string, options: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${of} requires an options object`)
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue
    const near = nearestName(name, Object.keys(known))
    throw new TypeError(`${of} has no option ${name}${near === undefined ? '' : `: did you mean ${near}?`}`)
  }
}

/**
 * The known name that was probably meant: one that differs only in case or, in names of more than three letters, only in one or two
 * letters.
 */
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

/** The edit distance: the number of letters to insert, delete or replace. Returns early if the lengths alone differ by too much. */
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

const given = new Set<string>()
const mostGiven = 1000

/**
 * Emits a warning once per subject: what a dangerous option does, or why it does not work.
 *
 * @param of the subject, such as the identifier of an agent or a resource; each subject is warned about separately
 */
export function warnOnce(of: string, about: string, consequence: string): void {
  const text = `${of} ${about}`
  if (given.has(text)) return
  if (given.size >= mostGiven) given.clear()
  given.add(text)
  globalThis.process?.emitWarning?.(`${about}: ${consequence}`, 'CountersignWarning')
}
