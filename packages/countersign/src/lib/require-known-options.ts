import { nearestName } from './nearest-name.js'

/**
 * Throws a TypeError for an unknown option, and names the one that may be meant: a misspelled option would
 * otherwise be its default, and nobody told.
 *
 * @param known the names of all options
 */
export function requireKnownOptions(of: string, options: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${of} needs an object of options`)
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue
    const near = nearestName(name, Object.keys(known))
    throw new TypeError(`${of} has no option ${name}${near === undefined ? '' : `: did you mean ${near}?`}`)
  }
}
