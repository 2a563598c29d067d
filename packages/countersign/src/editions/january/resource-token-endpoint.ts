import { AAuthError } from '../../lib/errors.js'
import { readForm } from '../../protocol/form.js'
import { parseScope } from '../../protocol/scope.js'
import type { VerifiedRequest } from '../verified-request.js'

export interface ResourceTokenEndpoint {
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
export async function answerResourceTokenRequest(
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
