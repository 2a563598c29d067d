/**
 * A header's name as the most lenient server reads it: CGI and WSGI make one of letters in any case, `-` and `_`, some also of
 * every other character.
 */
export function plainName(name: string): string {
  const lower = name.toLowerCase()
  return /[^a-z0-9-]/.test(lower) ? lower.replaceAll(/[^a-z0-9]/g, '-') : lower
}
