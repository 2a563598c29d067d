import { issueToken } from 'countersign'
import type { AuthTokenClaims } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import type { TokenIssue, User } from '../storage/storage.js'
import { identityClaims, splitScope } from './identity-claims.js'
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

/** Signs an auth token bound to the key that signed the request (S§7.3, 7.4). `agent` is left out where the agent is the resource (S§3.5). */
export async function issueAuthToken(context: ServerContext, subject: AuthTokenSubject): Promise<AuthTokenAnswer> {
  const { agent, resource, issue, user } = subject
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
