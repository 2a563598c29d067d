import type { ResourceProtocol, ResourceTools } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { documents, type ResourceDocument } from './documents.js'
import { checkRequest } from './judge-request.js'
import { type AuthTokenClaims, type PersonTokenClaims, tokens } from './tokens.js'

/** Maximum lifetime of a resource token, in seconds. */
const longestResourceToken = 300

/** The resource's side of the protocol. */
export function createResourceProtocol({
  id,
  signer,
  scopes,
  resourceTokenLifetime,
  now,
}: ResourceTools): ResourceProtocol {
  const metadata: ResourceDocument = {
    issuer: id,
    jwks_uri: `${id}/jwks.json`,
    access_mode: 'auth-token',
    ...(scopes ? { scope_descriptions: { ...scopes } } : {}),
  }

  function issueResourceToken(
    presented: PersonTokenClaims | AuthTokenClaims,
    { thumbprint, scope }: { thumbprint: string; scope: string },
  ): Promise<string> {
    const ps = 'ps' in presented ? presented.ps : presented.iss
    const lifetime = Math.min(resourceTokenLifetime, longestResourceToken)
    return issueToken(
      tokens.resource,
      {
        iss: id,
        dwk: documents.resource.name,
        aud: ps,
        ps,
        sub: presented.sub,
        presented_jti: presented.jti,
        agent_jkt: thumbprint,
        scope,
        iat: now(),
        exp: now() + lifetime,
        jti: crypto.randomUUID(),
      },
      { signer, now },
    )
  }

  return {
    metadata: { ...metadata },
    endpoints: new Map(),
    judge: checkRequest,
    challengeLevel: (_code, required) => (required === 'authorization' ? 'person-token' : 'agent-token'),
    levelAbove: (proven) => (proven === 'authorization' ? undefined : 'person-token'),
    async challenge({ level, binding, scope }) {
      if (level !== 'auth-token' || !binding?.presented || scope === undefined) return { level }
      const presented = binding.presented as PersonTokenClaims | AuthTokenClaims
      return { level, resourceToken: await issueResourceToken(presented, { thumbprint: binding.thumbprint, scope }) }
    },
    createRevocationList: undefined,
  }
}
