import { issueToken, january } from 'countersign'
import type { AuthTokenClaims } from 'countersign/wire'
import type { ServerContext } from '../../http/context.js'
import { type AuthTokenSubject, contentOf } from '../token-content.js'

/** The members every answer with an auth token has (W15). */
export interface AuthTokenAnswer {
  auth_token: string
  expires_in: number
  token_type: 'Bearer'
}

/**
 * Signs an auth token bound to the key that signed the request (S§7.3, 7.4). `agent` is left out where the agent is the
 * resource (S§3.5).
 *
 * @throws AAuthError `policy_denied`
 */
export async function issueAuthToken(context: ServerContext, subject: AuthTokenSubject): Promise<AuthTokenAnswer> {
  const { agent, resource, issue, user } = subject
  const { scope, identity } = contentOf(context, subject)
  context.knownCallers.noteAgent(agent)
  const claims: AuthTokenClaims = {
    iss: context.issuer,
    aud: resource,
    cnf: { jwk: agent.key.jwk },
    ...(scope.length > 0 ? { scope: scope.join(' ') } : {}),
    exp: issue.expiresAt,
    ...(agent.agent === resource ? {} : { agent: agent.agent }),
    ...(agent.delegate === null ? {} : { agent_delegate: agent.delegate }),
    ...(user ? { sub: user.sub, ...identity } : {}),
    iat: issue.issuedAt,
    jti: issue.jti,
  }
  const authToken = await issueToken(january.tokens.auth, claims, { signer: await context.keys.signer() })
  return { auth_token: authToken, expires_in: issue.expiresAt - issue.issuedAt, token_type: 'Bearer' }
}
