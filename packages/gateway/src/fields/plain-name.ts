/**
 * A header's name as the most lenient server reads it: CGI and WSGI make one of letters in any case, `-` and `_`, some also of
 * every other character.
 */
export function plainName(name: string): string {
  const lower = name.toLowerCase()
  return /[^a-z0-9-]/.test(lower) ? lower.replaceAll(/[^a-z0-9]/g, '-') : lower
}

/** Whether everybody reads a header's name as the same one: letters, digits and `-`. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9-]+$/.test(name)
}

/** The letters of a name in lower case, and nothing else of it. */
export function lettersOf(name: string): string {
  return (/[^A-Za-z]/.test(name) ? name.replaceAll(/[^A-Za-z]+/g, '') : name).toLowerCase()
}
