import { type AuthTokenClaims, draft11Jose, draft11Tokens, type PersonTokenClaims } from 'countersign/editions/draft-11'
import { issueToken, publishedJwk } from 'countersign/tokens'
import type { SignedContext } from '../edition.js'
import type { SigningAgent } from '../signed-request.js'
import { contentOf, type UserTokenSubject } from '../token-content.js'
import type { TokenKind } from './request-details.js'

/** Longest lifetime of a token, in seconds (draft -11 §11.5). */
export const tokenLifetime = 3600

/** A token to sign, whose issue is recorded or about to be. */
export interface IssuedToken extends Pick<UserTokenSubject, 'resource' | 'issue' | 'user'> {
  kind: TokenKind
  account: string | null
  /** The scope of the resource token that asked for an auth token. */
  asked: string | undefined
}

/**
 * The response with a token, which is never cached (draft -11 §7.1, 7.2).
 *
 * @param signed the token, if it was signed before its issue was recorded
 */
export async function tokenResponse(
  context: SignedContext,
  agent: SigningAgent,
  token: IssuedToken,
  signed?: string,
): Promise<Response> {
  const { kind, issue } = token
  const body = {
    [`${kind}_token`]: signed ?? (await signToken(context, agent, token)),
    expires_in: issue.expiresAt - issue.issuedAt,
  }
  context.knownCallers.noteAgent(agent)
  return Response.json(body, { headers: { 'cache-control': 'no-store' } })
}

/** Signs a token for the agent's key. @throws AAuthError `policy_denied` */
export async function signToken(
  context: SignedContext,
  agent: SigningAgent,
  { kind, resource, issue, user, account, asked }: IssuedToken,
): Promise<string> {
  const { issuer, keys } = context
  const { identity } = contentOf(context, { agent, resource, issue, user })
  const signer = await keys.signer()
  const claims: PersonTokenClaims = {
    iss: issuer,
    dwk: draft11Tokens.person.issuerDocument.name,
    aud: resource,
    sub: issue.sub,
    cnf: { jwk: publishedJwk(agent.key.jwk, draft11Jose) },
    iat: issue.issuedAt,
    exp: issue.expiresAt,
    jti: issue.jti,
  }
  if (kind === 'person') return issueToken(draft11Tokens.person, claims, { signer })
  // The resource looks for what it asked for, which may include identity scopes.
  const requested = asked?.split(' ') ?? []
  const scope = issue.scope.split(' ').filter((value) => requested.includes(value))
  const auth: AuthTokenClaims = {
    ...claims,
    ...identity,
    ps: issuer,
    ...(scope.length > 0 ? { scope: scope.join(' ') } : {}),
    ...(account === null ? {} : { account }),
  }
  return issueToken(draft11Tokens.auth, auth, { signer })
}
