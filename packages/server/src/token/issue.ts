import { issueToken } from 'countersign'
import type { AuthTokenClaims } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import type { IdentityPermission } from '../pages/models.js'
import { isIdentityScope } from '../policy/permissions.js'
import { deniedByRule } from '../policy/policy.js'
import type { TokenIssue, User } from '../storage/storage.js'
import type { SigningAgent } from './signed-form.js'

/** What an auth token is issued for; the issue is on record before this is called. */
export interface AuthTokenSubject {
  agent: SigningAgent
  resource: string
  issue: TokenIssue
  /** Absent where the agent acts for itself. */
  user?: User | undefined
}

/** The members every answer with an auth token has (W15). */
export interface AuthTokenAnswer {
  auth_token: string
  expires_in: number
  token_type: 'Bearer'
}

/**
 * Signs an auth token bound to the key that signed the request (S§7.3, 7.4). `agent` is left out where the agent is the
 * resource (S§3.5). The policy is asked each time: a rule may deny what was allowed before there was one.
 *
 * @throws AAuthError `policy_denied`
 */
export async function issueAuthToken(context: ServerContext, subject: AuthTokenSubject): Promise<AuthTokenAnswer> {
  const { agent, resource, issue, user } = subject
  const asked = { agent: agent.agent, delegate: agent.delegate, resource, scope: issue.scope.split(' ') }
  const decision = context.policy(asked)
  if (typeof decision === 'object' && 'deny' in decision) throw deniedByRule(decision.deny)
  const { access, identity } = splitScope(issue.scope)
  const claims: AuthTokenClaims = {
    iss: context.issuer,
    aud: resource,
    cnf: { jwk: agent.key.jwk },
    ...(access.length > 0 ? { scope: access.join(' ') } : {}),
    exp: issue.expiresAt,
    ...(agent.agent === resource ? {} : { agent: agent.agent }),
    ...(agent.delegate === null ? {} : { agent_delegate: agent.delegate }),
    ...(user ? { sub: user.sub, ...identityClaims(user, identity) } : {}),
    iat: issue.issuedAt,
    jti: issue.jti,
  }
  const authToken = await issueToken('auth+jwt', claims, { signer: await context.keys.signer() })
  return { auth_token: authToken, expires_in: issue.expiresAt - issue.issuedAt, token_type: 'Bearer' }
}

/** The claims that each identity scope adds. */
const claimsOf: Readonly<Record<IdentityPermission, (user: User) => Record<string, string | boolean>>> = {
  openid: () => ({}),
  profile: ({ displayName, username }) => ({ name: displayName ?? username, preferred_username: username }),
  // Nobody has shown that the address is theirs.
  email: ({ email }): Record<string, string | boolean> => (email === null ? {} : { email, email_verified: false }),
}

/** Takes a scope apart into access to the resource and claims about the person. */
function splitScope(scope: string): { access: string[]; identity: IdentityPermission[] } {
  const values = scope.split(' ').filter((value) => value !== '')
  return { access: values.filter((value) => !isIdentityScope(value)), identity: values.filter(isIdentityScope) }
}

/** The claims that the identity scopes add; without `openid` they add nothing. */
function identityClaims(user: User, identity: readonly IdentityPermission[]): Record<string, string | boolean> {
  if (!identity.includes('openid')) return {}
  return Object.assign({}, ...identity.map((scope) => claimsOf[scope](user))) as Record<string, string | boolean>
}
