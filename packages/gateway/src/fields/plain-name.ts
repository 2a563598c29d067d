/**
 * A header's name as the most lenient server reads it: CGI and WSGI make one of letters in any case, `-` and `_`, some also of
 * every other character.
 */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}
