import type { ServerContext } from '../http/context.js'
import { denialOf, type IdentityPermission, isIdentityScope } from '../lib/policy.js'
import type { Subjects, TokenIssue, User, UserTokenIssue } from '../storage/api/storage.js'
import type { RequestingAgent } from './edition.js'

/** What a token is issued for. The issuance is recorded before this content is used. */
export interface TokenSubject {
  agent: Pick<RequestingAgent, 'agent' | 'delegate'>
  resource: string
  issue: TokenIssue & Partial<Subjects>
  /** Absent if the agent acts for itself. */
  user?: User | undefined
}

/** What a token of a user is issued for. */
export interface UserTokenSubject extends TokenSubject {
  issue: UserTokenIssue
  user: User
}

/** The content of a token, the same in every edition. */
export interface TokenContent {
  /** The access granted at the resource. */
  scope: readonly string[]
  /** Claims about the user; empty without `openid`. */
  identity: Readonly<Record<string, string | boolean>>
}

/**
 * Determines the content of a token. The policy is evaluated each time, because a rule may now deny what was allowed earlier.
 *
 * @throws AAuthError `policy_denied`
 */
export function contentOf(context: ServerContext, { agent, resource, issue, user }: TokenSubject): TokenContent {
  const values = issue.scope.split(' ')
  const denial = denialOf(context.policy({ agent: agent.agent, delegate: agent.delegate, resource, scope: values }))
  if (denial) throw denial
  return {
    scope: values.filter((value) => value !== '' && !isIdentityScope(value)),
    identity: user ? identityClaims(user, values.filter(isIdentityScope)) : {},
  }
}

/** The claims that each identity scope adds. */
const claimsOf: Readonly<Record<IdentityPermission, (user: User) => Record<string, string | boolean>>> = {
  openid: () => ({}),
  profile: ({ displayName, username }) => ({ name: displayName ?? username, preferred_username: username }),
  // No one has verified that the address belongs to the user.
  email: ({ email }): Record<string, string | boolean> => (email === null ? {} : { email, email_verified: false }),
}

/** Returns the claims that the identity scopes add; without `openid` they add none. */
function identityClaims(user: User, identity: readonly IdentityPermission[]): Record<string, string | boolean> {
  if (!identity.includes('openid')) return {}
  return Object.assign({}, ...identity.map((scope) => claimsOf[scope](user))) as Record<string, string | boolean>
}
