import { createSigner, generatePrivateJwk } from 'countersign'
import { revocationEntry } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { decodeToken, type RegisteredClaims } from 'countersign/tokens'
import { issuer, type OAuthStage, resource } from './oauth-stage.js'

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

/** Opens a resource with a revocation list, and returns how it responds to an access token: 200, or the status of the refusal. */
export async function openNotes({ fetch, clock }: OAuthStage): Promise<(accessToken: string) => Promise<number>> {
  const { origin, pathname } = new URL(resource)
  const endpoint = createResource({
    id: origin,
    signer: await createSigner(await generatePrivateJwk({ kid: 'notes-1' })),
    authServer: issuer,
    scopes: { connect: 'Connect', 'notes.read': 'See your notes' },
    denyList: {},
    fetch,
    now: () => clock.now,
  }).oauthEndpoint({ path: pathname })
  return async (accessToken) => {
    const request = new Request(resource, { headers: { authorization: `Bearer ${accessToken}` } })
    try {
      await endpoint.verify(request, { require: 'authorization', scope: 'notes.read' })
      return 200
    } catch (error) {
      return (await endpoint.toResponse(error)).status
    }
  }
}
