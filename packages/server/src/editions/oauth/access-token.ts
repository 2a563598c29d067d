import { AAuthError, type Signer } from 'countersign'
import { type AccessTokenClaims, accessTokenType } from 'countersign/editions'
import { importVerificationKey } from 'countersign/signatures'
import { decodeToken, issueToken, registeredNames, verifyToken } from 'countersign/tokens'
import type { ServerContext } from '../../http/context.js'
import type { ServerKeys } from '../../secrets/server-keys.js'
import { contentOf, type UserTokenSubject } from '../token-content.js'

/** The members of a token response that concern the access token. `scope` is always there, because the user may allow fewer. */
export interface AccessTokenResponse {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  scope: string
}

/**
 * Signs an access token, after the issuance has been recorded.
 *
 * @throws AAuthError `policy_denied`
 */
export async function issueAccessToken(
  context: ServerContext,
  signer: Signer,
  subject: UserTokenSubject,
): Promise<AccessTokenResponse> {
  const { agent, resource, issue } = subject
  const scope = contentOf(context, subject).scope.join(' ')
  const claims: AccessTokenClaims = {
    iss: context.issuer,
    aud: resource,
    sub: issue.sub,
    client_id: agent.agent,
    scope,
    exp: issue.expiresAt,
    iat: issue.issuedAt,
    jti: issue.jti,
  }
  const token = await issueToken(accessTokenType, claims, { signer })
  return { access_token: token, token_type: 'Bearer', expires_in: issue.expiresAt - issue.issuedAt, scope }
}

/** To whom an access token was issued. */
export interface AccessTokenOrigin {
  clientId: string
  /** The family of the refresh token, which exists even if the client received none. */
  family: string
}

/**
 * Verifies that a string is an access token of this server that has not expired, for whichever resource. Undefined if it is not.
 */
export async function readAccessToken(
  { issuer, identifiers, now }: Pick<ServerContext, 'issuer' | 'identifiers' | 'now'>,
  keys: Pick<ServerKeys, 'publicKeys'>,
  token: string,
): Promise<AccessTokenOrigin | undefined> {
  const audience = decodeToken(token)?.payload.aud
  if (typeof audience !== 'string') return undefined
  const options = { ...identifiers, now, audience, issuers: [issuer], findKey }
  async function findKey(_issuer: string, kid: string) {
    const jwk = (await keys.publicKeys()).find((key) => key.kid === kid)
    if (!jwk) throw new AAuthError(accessTokenType.invalid, 'The access token was signed with another key.')
    return { key: await importVerificationKey(jwk, registeredNames) }
  }
  try {
    const { claims } = await verifyToken(accessTokenType, token, options)
    const [, family, random] = claims.jti.split('.')
    return family !== undefined && random !== undefined ? { clientId: claims.client_id, family } : undefined
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return undefined
  }
}
