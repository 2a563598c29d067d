import type { ErrorCode } from '../../lib/errors.js'
import { issueToken } from '../../tokens/issue-token.js'
import type { ResourceProtocol, ResourceTools } from '../resource-protocol.js'
import type { Requirement } from '../verified-request.js'
import type { ResourceMetadata } from './documents.js'
import { judgeLevel } from './judge-level.js'
import { answerResourceTokenRequest } from './resource-token-endpoint.js'
import { createRevocationList } from './revocation-list.js'
import { januaryTokens } from './tokens.js'

/** The level above, which has higher limits (S§4.5). */
const above: Readonly<Record<Requirement, string | undefined>> = {
  signature: 'identity',
  identity: 'authorization',
  authorization: undefined,
}

/** What a resource says and asks for (S§4, 6, 8.3). */
export function createResourceProtocol(tools: ResourceTools): ResourceProtocol {
  const { id, signer, authServer, scopes, resourceTokenLifetime, now } = tools
  const tokenEndpoint = `${id}/resource/token`
  const metadata: ResourceMetadata = {
    resource: id,
    jwks_uri: `${id}/jwks.json`,
    resource_token_endpoint: tokenEndpoint,
    ...(scopes ? { supported_scopes: Object.keys(scopes), scope_descriptions: { ...scopes } } : {}),
  }
  const ownAgent = tools.ownAgent ? id : undefined

  function issueResourceToken(binding: { agent: string; thumbprint: string }, scope: string): Promise<string> {
    const claims = {
      iss: id,
      aud: authServer,
      agent: binding.agent,
      agent_jkt: binding.thumbprint,
      scope,
      exp: now() + resourceTokenLifetime,
    }
    return issueToken(januaryTokens.resource, claims, { signer, now })
  }

  return {
    metadata: { ...metadata },
    endpoints: new Map([
      [
        new URL(tokenEndpoint).pathname,
        (message, contentType) =>
          answerResourceTokenRequest(
            {
              authServer,
              scopes: scopes && Object.keys(scopes),
              lifetime: resourceTokenLifetime,
              verify: () => tools.verify(message, 'identity'),
              issue: issueResourceToken,
            },
            contentType,
          ),
      ],
    ]),
    judge: (verified, required) => judgeLevel(verified, required, ownAgent),
    levelToAsk,
    levelAbove: (proven) => above[proven],
    async challenge({ level, binding, scope }) {
      if (level !== 'authorization' || !binding?.agent || scope === undefined) return { level }
      const { agent, thumbprint } = binding
      return { level, resourceToken: await issueResourceToken({ agent, thumbprint }, scope), authServer }
    },
    createRevocationList,
  }
}

// Nothing verified, so nothing is bound: a bad auth token asks for one without a resource token, everything else for a signature.
function levelToAsk(code: ErrorCode, required: Requirement): string {
  if (code === 'auth_token_invalid') return 'authorization'
  return required === 'signature' ? 'signature' : 'identity'
}
