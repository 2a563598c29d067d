import { AAuthError, type ErrorCode } from '../../lib/errors.js'
import { readForm } from '../../protocol/form.js'
import { parseScope } from '../../protocol/scope.js'
import { issueToken } from '../../tokens/issue-token.js'
import type { ResourceProtocol, ResourceTools } from '../resource-protocol.js'
import type { Requirement, VerifiedRequest } from '../verified-request.js'
import type { ResourceMetadata } from './documents.js'
import { judgeLevel } from './judge-level.js'
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

interface ResourceTokenEndpoint {
  authServer: string
  /** Names of scopes that can be asked for; undefined: any. */
  scopes: readonly string[] | undefined
  /** Seconds. */
  lifetime: number
  /** Verifies the request that asks for one. */
  verify: () => Promise<VerifiedRequest<'identity'>>
  issue: (binding: { agent: string; thumbprint: string }, scope: string) => Promise<string>
}

/**
 * `POST {id}/resource/token` (S§9.2.5): an agent that knows what it wants asks for a resource token without calling the
 * protected resource first. Nothing is issued unless signature and identity verified.
 *
 * @throws AAuthError
 */
async function answerResourceTokenRequest(
  endpoint: ResourceTokenEndpoint,
  contentType: string | null,
): Promise<{ resource_token: string; auth_server: string; expires_in: number }> {
  const { agent, thumbprint, body } = await endpoint.verify()
  const form = readForm(contentType, body)
  const asked = form.get('scope')
  if (form.has('auth_request_url') || asked === undefined) {
    throw new AAuthError('request_malformed', 'Send scope, and nothing else: this resource reads no auth_request_url.')
  }
  const scope = parseScope(asked)
  const unknown = scope?.find((value) => endpoint.scopes && !endpoint.scopes.includes(value))
  if (!scope || unknown !== undefined) {
    throw new AAuthError(
      'scope_invalid',
      'The scope has a value that this resource does not offer: see supported_scopes.',
    )
  }
  const resourceToken = await endpoint.issue({ agent, thumbprint }, scope.join(' '))
  return { resource_token: resourceToken, auth_server: endpoint.authServer, expires_in: endpoint.lifetime }
}
