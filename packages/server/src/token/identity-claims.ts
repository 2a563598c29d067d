import type { IdentityPermission } from '../pages/models.js'
import type { User } from '../storage/storage.js'

/** Scopes that control claims about the person, not access to a resource (S§7.4), and what each adds. */
const identityScopes: Readonly<Record<IdentityPermission, (user: User) => Record<string, string | boolean>>> = {
  openid: () => ({}),
  profile: ({ displayName, username }) => ({ name: displayName ?? username, preferred_username: username }),
  // Nobody has shown that the address is theirs.
  email: ({ email }): Record<string, string | boolean> => (email === null ? {} : { email, email_verified: false }),
}

/** Whether a scope value controls claims about the person. */
export function isIdentityScope(value: string): value is IdentityPermission {
  return Object.hasOwn(identityScopes, value)
}

/** Takes a scope apart into access to the resource and claims about the person. */
export function splitScope(scope: string): { access: string[]; identity: IdentityPermission[] } {
  const values = scope.split(' ').filter((value) => value !== '')
  return { access: values.filter((value) => !isIdentityScope(value)), identity: values.filter(isIdentityScope) }
}

/** The claims that the identity scopes add; without `openid` they add nothing. */
export function identityClaims(user: User, identity: readonly IdentityPermission[]): Record<string, string | boolean> {
  if (!identity.includes('openid')) return {}
  return Object.assign({}, ...identity.map((scope) => identityScopes[scope](user))) as Record<string, string | boolean>
}
