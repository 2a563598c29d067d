import type { Grant, GrantedScope } from '../api/grant-storage.js'

/** The scopes of a space-separated list, each once, in order. */
function scopesOf(scope: string): Set<string> {
  return new Set(scope.split(' ').filter((name) => name !== ''))
}

/** Whether every scope of `part` is in `whole`. */
export function isWithinScope(part: string, whole: string): boolean {
  const allowed = scopesOf(whole)
  return [...scopesOf(part)].every((name) => allowed.has(name))
}

/** What of a list is in another one, in the order of the first. */
export function commonScope(scope: string, other: string): string {
  const names = scopesOf(other)
  return [...scopesOf(scope)].filter((name) => names.has(name)).join(' ')
}

/** What a person granted of what was asked, in the order asked; undefined when that is no part of it. */
export function scopeToGrant(asked: string, granted = asked): string | undefined {
  if (granted === asked) return asked
  if (scopesOf(granted).size === 0 || !isWithinScope(granted, asked)) return undefined
  return commonScope(asked, granted)
}

/** Each scope of a list as a permission with this end. */
export function grantedScopesOf(scope: string, expiresAt: number | null): GrantedScope[] {
  return [...scopesOf(scope)].map((name) => ({ name, expiresAt }))
}

/** Whether a grant was removed or the time of all its permissions is over. */
export function grantEnded({ revokedAt, expiresAt }: Pick<Grant, 'revokedAt' | 'expiresAt'>, now: number): boolean {
  return revokedAt !== null || hasCome(expiresAt, now)
}

function hasCome(end: number | null, now: number): boolean {
  return end !== null && end <= now
}

export function livePermissions(permissions: readonly GrantedScope[], now: number): GrantedScope[] {
  return permissions.filter(({ expiresAt }) => !hasCome(expiresAt, now))
}

/** All permissions of both, those of the first before the others, each with the later of its ends. */
export function unitePermissions(first: readonly GrantedScope[], second: readonly GrantedScope[]): GrantedScope[] {
  const ends = new Map(first.map(({ name, expiresAt }) => [name, expiresAt]))
  for (const { name, expiresAt } of second) {
    const before = ends.get(name)
    ends.set(name, before === undefined ? expiresAt : laterEnd(before, expiresAt))
  }
  return [...ends].map(([name, expiresAt]) => ({ name, expiresAt }))
}

function laterEnd(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other)
}

/** The last end of some permissions; null: one of them has none. */
export function lastEnd(permissions: readonly GrantedScope[]): number | null {
  return permissions.map(({ expiresAt }) => expiresAt).reduce(laterEnd, 0)
}

/** The first end among those of the permissions that a list names; null: none of them has one. */
export function firstEnd(permissions: readonly GrantedScope[], scope: string): number | null {
  const ends = named(permissions, scope).flatMap(({ expiresAt }) => expiresAt ?? [])
  return ends.length === 0 ? null : Math.min(...ends)
}

/** The last end of the permissions that a list names; null: one of them has none. */
export function lastEndOf(permissions: readonly GrantedScope[], scope: string): number | null {
  return lastEnd(named(permissions, scope))
}

function named(permissions: readonly GrantedScope[], scope: string): GrantedScope[] {
  const names = scopesOf(scope)
  return permissions.filter(({ name }) => names.has(name))
}
