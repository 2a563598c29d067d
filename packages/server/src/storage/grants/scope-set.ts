/** The scopes of a space-separated list, each once, in order. */
export function scopesOf(scope: string): Set<string> {
  return new Set(scope.split(' ').filter((name) => name !== ''))
}

/** Whether every scope of `part` is in `whole`. */
export function isWithinScope(part: string, whole: string): boolean {
  const allowed = scopesOf(whole)
  return [...scopesOf(part)].every((name) => allowed.has(name))
}

/** All scopes of both, those of the first before the others. */
export function uniteScopes(first: string, second: string): string {
  return [...new Set([...scopesOf(first), ...scopesOf(second)])].join(' ')
}

/** What a person granted of what was asked, in the order asked; undefined when that is no part of it. */
export function grantedScope(asked: string, granted = asked): string | undefined {
  if (granted === asked) return asked
  const names = scopesOf(granted)
  if (names.size === 0 || !isWithinScope(granted, asked)) return undefined
  return [...scopesOf(asked)].filter((name) => names.has(name)).join(' ')
}
