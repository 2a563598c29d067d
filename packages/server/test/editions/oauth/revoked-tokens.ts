import { revocationEntry } from 'countersign/editions'
import { decodeToken, type RegisteredClaims } from 'countersign/tokens'
import { issuer, type OAuthStage } from './oauth-stage.js'

/** The claims of an access token that concern its revocation. */
interface AccessClaims extends RegisteredClaims {
  jti: string
  sub: string
  client_id: string
}

export function claimsOf(token: string): AccessClaims {
  const decoded = decodeToken(token)
  if (!decoded) throw new TypeError('expected a token')
  return decoded.payload as unknown as AccessClaims
}

/** Whether the server’s revocation list now names an access token. */
export async function isRevoked(stage: OAuthStage, accessToken: string): Promise<boolean> {
  const list = await stage.fetch(`${issuer}/.well-known/aauth-revocations`)
  const { revoked } = decodeToken(await list.text())?.payload ?? {}
  const { jti, client_id, sub } = claimsOf(accessToken)
  const [grant = '', family = ''] = jti.split('.')
  const entries = await Promise.all([
    revocationEntry('grant', grant),
    revocationEntry('family', family),
    revocationEntry('agent', client_id),
    revocationEntry('sub', sub),
  ])
  return entries.some((entry) => (revoked as string[]).includes(entry))
}
