import { AAuthError, type AgentMetadata, type Found, parseScope, type VerificationKey, verifyToken } from 'countersign'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import { requireParameter } from '../read-form.js'
import type { RequestDisplay } from '../storage/storage.js'
import { requireListedRedirect } from './require-listed-redirect.js'
import type { SigningAgent } from './token-endpoint.js'

/** `request_type=auth`: an agent brings a resource token; a person will decide (S§9.3, 9.4). */
export async function requestAuthorization(
  context: ServerContext,
  { agent, delegate, key }: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<{ request_token: string; expires_in: number }> {
  const asked = ['resource_token', 'scope', 'auth_request_url'].filter((name) => form.has(name))
  if (asked.length !== 1)
    throw new AAuthError('request_malformed', 'Send exactly one of resource_token, scope and auth_request_url.')
  if (!form.has('resource_token')) {
    throw new AAuthError(
      'request_malformed',
      'This server needs a resource_token: ask the resource first, it sends one in its challenge.',
    )
  }
  const redirectUri = requireParameter(form, 'redirect_uri')
  const { resource, scope } = await requireResourceToken(context, requireParameter(form, 'resource_token'), agent, key)
  if (context.policy({ agent, delegate, resource, scope }) === 'deny') {
    throw new AAuthError('policy_denied', 'The policy of this server does not allow this agent that.')
  }
  const metadata = await findAgent(context, agent)
  requireListedRedirect(redirectUri, metadata, context.interop.redirectUrisOptional)
  const requestToken = context.secrets.random('aarq_')
  await context.storage.createAuthRequest({
    tokenHash: hashSecret(requestToken),
    agent,
    delegate,
    agentJkt: key.thumbprint,
    resource,
    scope: scope.join(' '),
    redirectUri,
    display: await displayOf(context, metadata, resource),
    lifetime: context.lifetimes.requestToken,
    maxOpen: context.maxOpenRequests,
  })
  return { request_token: requestToken, expires_in: context.lifetimes.requestToken }
}

async function requireResourceToken(
  context: ServerContext,
  compact: string,
  agent: string,
  key: VerificationKey,
): Promise<{ resource: string; scope: readonly string[] }> {
  const { claims } = await verifyToken('resource+jwt', compact, {
    ...context.identifiers,
    audience: context.issuer,
    now: context.now,
    findKey: async (issuer, kid) => requireFound(await context.discovery.findKey('aauth-resource', issuer, kid)),
  })
  if (claims.agent !== agent) throw new AAuthError('resource_token_invalid', 'The resource token is for another agent.')
  if (claims.agent_jkt !== key.thumbprint) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token is for another key: ask the resource again with the key you sign with.',
    )
  }
  if (claims.scope === undefined) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token has an auth_request_url, which this server does not read.',
    )
  }
  const scope = parseScope(claims.scope)
  if (!scope)
    throw new AAuthError('scope_invalid', 'The scope of the resource token is not a list of at most 64 values.')
  return { resource: claims.iss, scope }
}

function requireFound(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  throw new AAuthError('resource_token_invalid', 'The key of the resource token was not found at its issuer.', {
    cause: found.failure,
  })
}

async function findAgent(context: ServerContext, agent: string): Promise<AgentMetadata> {
  const outcome = await context.discovery.findMetadata('aauth-agent', agent)
  if ('found' in outcome) return outcome.found
  throw new AAuthError('key_unknown', 'The document of the agent was not found.', { cause: outcome.failure })
}

async function displayOf(context: ServerContext, agent: AgentMetadata, resource: string): Promise<RequestDisplay> {
  const outcome = await context.discovery.findMetadata('aauth-resource', resource)
  const described = 'found' in outcome ? outcome.found : undefined
  return {
    agent: {
      ...(agent.name === undefined ? {} : { name: agent.name }),
      ...(agent.homepage === undefined ? {} : { homepage: agent.homepage }),
      ...(agent.policy_uri === undefined ? {} : { policyUri: agent.policy_uri }),
      ...(agent.tos_uri === undefined ? {} : { tosUri: agent.tos_uri }),
    },
    resource: {
      ...(described?.supported_scopes ? { supportedScopes: described.supported_scopes } : {}),
      ...(described?.scope_descriptions ? { scopeDescriptions: described.scope_descriptions } : {}),
    },
  }
}
