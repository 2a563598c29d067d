import type { Grant, GrantedScope, TokenIssue, UsedGrant } from '../api/grant-storage.js'
import { StorageError } from '../api/storage-error.js'
import type { Subjects } from '../api/user.js'

/** Returns the scopes in a space-separated list, in order and without duplicates. */
function scopesOf(scope: string): Set<string> {
  return new Set(scope.split(' ').filter((name) => name !== ''))
}

/** Whether every scope of `part` is in `whole`. */
export function isWithinScope(part: string, whole: string): boolean {
  const allowed = scopesOf(whole)
  return [...scopesOf(part)].every((name) => allowed.has(name))
}

/** Returns the scopes that are in both lists, in the order of the first list. */
export function commonScope(scope: string, other: string): string {
  const names = scopesOf(other)
  return [...scopesOf(scope)].filter((name) => names.has(name)).join(' ')
}

/**
 * Returns the part of the requested scope that a user granted, in the order requested; undefined if it is empty or exceeds the requested
 * scope.
 */
export function scopeToGrant(asked: string, granted = asked): string | undefined {
  if (granted === asked) return asked
  if (scopesOf(granted).size === 0 || !isWithinScope(granted, asked)) return undefined
  return commonScope(asked, granted)
}

/** Parses the permissions of a grant: name, expiry, name, expiry, … Names contain no spaces. */
export function toPermissions(list: string | null): GrantedScope[] {
  const parts = list?.split(' ') ?? []
  const permissions: GrantedScope[] = []
  for (let at = 0; at < parts.length; at += 2) {
    const [name = '', end = ''] = parts.slice(at, at + 2)
    permissions.push({ name, expiresAt: end === '' ? null : Number(end) })
  }
  return permissions
}

/** Turns each scope in a list into a permission with this expiry. */
export function grantedScopesOf(scope: string, expiresAt: number | null): GrantedScope[] {
  return [...scopesOf(scope)].map((name) => ({ name, expiresAt }))
}

/** Whether a grant was revoked or all its permissions have expired. */
export function grantEnded({ revokedAt, expiresAt }: Pick<Grant, 'revokedAt' | 'expiresAt'>, now: number): boolean {
  return revokedAt !== null || hasCome(expiresAt, now)
}

function hasCome(end: number | null, now: number): boolean {
  return end !== null && end <= now
}

export function livePermissions(permissions: readonly GrantedScope[], now: number): GrantedScope[] {
  return permissions.filter(({ expiresAt }) => !hasCome(expiresAt, now))
}

/** Merges two lists of permissions. The permissions of the first list come first, and each permission gets the later of its expiries. */
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

/** Returns the latest expiry among these permissions; null if one of them never expires. */
export function lastEnd(permissions: readonly GrantedScope[]): number | null {
  return permissions.map(({ expiresAt }) => expiresAt).reduce(laterEnd, 0)
}

/** Returns the earliest expiry among the permissions in a list of names; null if none of them expires. */
export function firstEnd(permissions: readonly GrantedScope[], scope: string): number | null {
  const ends = named(permissions, scope).flatMap(({ expiresAt }) => expiresAt ?? [])
  return ends.length === 0 ? null : Math.min(...ends)
}

/** Returns the latest expiry among the permissions in a list of names; null if one of them never expires. */
export function lastEndOf(permissions: readonly GrantedScope[], scope: string): number | null {
  return lastEnd(named(permissions, scope))
}

function named(permissions: readonly GrantedScope[], scope: string): GrantedScope[] {
  const names = scopesOf(scope)
  return permissions.filter(({ name }) => names.has(name))
}

/**
 * Whether a grant still allows a token that was prepared for it, because nothing was locked in the meantime.
 *
 * @param current the scope that would be granted now
 */
export function isCurrent({ jti, scope, expiresAt }: TokenIssue, grant: UsedGrant, current: string): boolean {
  const end = firstEnd(grant.permissions, current)
  // The id of a tracked token names no grant.
  const isOfGrant = !jti.includes('.') || jti.startsWith(`${grant.id}.`)
  return isOfGrant && scope === current && expiresAt <= (end ?? Number.POSITIVE_INFINITY)
}

/** Like {@link isCurrent}, but throws. @throws StorageError `unavailable` if the grant no longer allows the token */
export function requireCurrent(issue: TokenIssue, grant: UsedGrant, current: string): void {
  if (!isCurrent(issue, grant, current))
    throw new StorageError('unavailable', 'the grant changed while a token for it was being prepared')
}

/** Requires the subjects of a token that was prepared to be those that are stored. @throws StorageError `unavailable` */
export function requireSubjects(issue: Subjects, { sub, agentSub }: Subjects): void {
  if (issue.sub === sub && issue.agentSub === agentSub) return
  throw new StorageError('unavailable', 'another token was issued first while a token was being prepared')
}
