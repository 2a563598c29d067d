import type { ServerContext } from '../http/context.js'
import { denialOf, type IdentityPermission, isIdentityScope } from '../policy/policy.js'
import type { TokenIssue, User } from '../storage/api/storage.js'
import type { SigningAgent } from './signed-request.js'

/** What an auth token is issued for; the issue is on record before this is called. */
export interface AuthTokenSubject {
  agent: SigningAgent
  resource: string
  issue: TokenIssue
  /** Absent where the agent acts for itself. */
  user?: User | undefined
}

/** What an auth token says in every edition. */
export interface AuthTokenContent {
  /** Access to the resource. */
  scope: readonly string[]
  /** About the person; without `openid` nothing. */
  identity: Readonly<Record<string, string | boolean>>
}

/**
 * What an auth token is to say. The policy is asked each time: a rule may deny what was allowed before there was one.
 *
 * @throws AAuthError `policy_denied`
 */
export function contentOf(
  context: ServerContext,
  { agent, resource, issue, user }: AuthTokenSubject,
): AuthTokenContent {
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
  // Nobody has shown that the address is theirs.
  email: ({ email }): Record<string, string | boolean> => (email === null ? {} : { email, email_verified: false }),
}

/** The claims that the identity scopes add; without `openid` they add nothing. */
function identityClaims(user: User, identity: readonly IdentityPermission[]): Record<string, string | boolean> {
  if (!identity.includes('openid')) return {}
  return Object.assign({}, ...identity.map((scope) => claimsOf[scope](user))) as Record<string, string | boolean>
}
