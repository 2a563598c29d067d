import { AAuthError } from 'countersign'
import {
  type AgentMetadata,
  type DiscoveryFailure,
  type Found,
  parseScope,
  requireParameter,
  tokenKeys,
  type VerificationKey,
  verifyToken,
} from 'countersign/wire'
import type { ServerContext } from '../../context.js'
import { hashSecret } from '../../keys/minted-secrets.js'
import { grantable } from '../../policy/permissions.js'
import { agentBlocked, deniedByRule } from '../../policy/policy.js'
import type { RequestDisplay } from '../../storage/storage.js'
import { type AuthTokenAnswer, issueAuthToken } from '../../token/issue.js'
import { requireNewcomerRate, requireRate } from '../../token/rates.js'
import { requireFreshKeys, type SigningAgent } from '../../token/signed-form.js'
import { requireListedRedirect } from './require-listed-redirect.js'

/** What an agent asks for, verified. */
interface AccessAsked {
  resource: string
  scope: readonly string[]
}

/**
 * `request_type=auth`: an agent asks for access to a resource, with its resource token, or to itself, with a scope
 * (S§3.5, 9.3). A person will decide, unless a policy allows the agent to act for itself (S§9.4).
 */
export async function requestAuthorization(
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<() => Promise<{ request_token: string; expires_in: number } | AuthTokenAnswer>> {
  const asked = ['resource_token', 'scope', 'auth_request_url'].filter((name) => form.has(name))
  if (asked.length !== 1) {
    throw new AAuthError('request_malformed', 'Send exactly one of resource_token, scope and auth_request_url.')
  }
  requireFreshKeys(agent)
  const redirectUri = requireParameter(form, 'redirect_uri')
  const access = await requireAccess(context, agent, form)
  if (grantable(access.scope).length === 0) {
    throw new AAuthError('scope_invalid', 'Without openid, profile and email give nothing: ask for openid too.')
  }
  await requireUnblocked(context, agent.agent)
  await requireRate(context, agent)
  const decision = context.policy({ agent: agent.agent, delegate: agent.delegate, ...access })
  if (decision !== 'ask') {
    if ('deny' in decision) throw deniedByRule(decision.deny)
    return () => issueAutonomously(context, agent, access, decision.grant)
  }
  const metadata = await findAgent(context, agent)
  requireListedRedirect(redirectUri, metadata, context.interop.redirectUrisOptional)
  const allowed = await context.storage.hasBeenAllowed(agent.agent)
  if (!allowed) await requireNewcomerRate(context, agent)
  return async () => {
    await context.storage.recordAgent({
      agent: agent.agent,
      ...(metadata.name === undefined ? {} : { name: metadata.name.slice(0, 256) }),
      redirectHosts: [redirectHost(redirectUri)],
      keyThumbprints: await publishedKeys(context, agent),
    })
    const requestToken = context.secrets.random('aarq_')
    await context.storage.createAuthRequest({
      tokenHash: hashSecret(requestToken),
      agent: agent.agent,
      delegate: agent.delegate,
      agentJkt: agent.key.thumbprint,
      resource: access.resource,
      scope: access.scope.join(' '),
      redirectUri,
      display: await displayOf(
        context,
        metadata,
        { ...access, remoteAddress: agent.remoteAddress },
        {
          redirectHost: redirectHost(redirectUri),
          ...(agent.delegate === null ? { jkt: agent.key.thumbprint } : {}),
        },
      ),
      lifetime: context.lifetimes.requestToken,
      prompt: form.get('prompt')?.slice(0, 64),
      maxOpen: allowed ? context.maxOpenRequests : Math.min(context.maxOpenRequests, unknownAgentOpenRequests),
    })
    context.logos?.note(agent.agent, metadata.logo_uri)
    return { request_token: requestToken, expires_in: context.lifetimes.requestToken }
  }
}

/** How many open requests an agent may have that nobody has allowed anything yet (attacks A13). */
const unknownAgentOpenRequests = 20

// A delegate's key is its own and changes often; what is known of the agent's published keys stays.
async function publishedKeys(
  { storage }: ServerContext,
  { agent, delegate, key }: SigningAgent,
): Promise<readonly string[]> {
  return delegate === null ? [key.thumbprint] : ((await storage.findAgent(agent))?.keyThumbprints ?? [])
}

async function requireAccess(
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<AccessAsked> {
  const resourceToken = form.get('resource_token')
  if (resourceToken !== undefined) return requireResourceToken(context, resourceToken, agent)
  const scope = parseScope(form.get('scope') ?? '')
  if (!form.has('scope'))
    throw new AAuthError('request_malformed', 'This server does not read an auth_request_url: send a scope.')
  if (!scope) throw new AAuthError('scope_invalid', 'The scope is not a list of at most 64 values.')
  return { resource: agent.agent, scope }
}

async function requireUnblocked({ storage }: ServerContext, agent: string): Promise<void> {
  if (await storage.isAgentBlocked(agent)) throw agentBlocked()
}

async function issueAutonomously(
  context: ServerContext,
  agent: SigningAgent,
  { resource, scope }: AccessAsked,
  policy: string,
): Promise<AuthTokenAnswer> {
  const issue = await context.storage.recordAutonomousIssue({
    agent: agent.agent,
    delegate: agent.delegate,
    resource,
    scope: scope.join(' '),
    policy,
    tokenLifetime: context.lifetimes.authToken,
  })
  return issueAuthToken(context, { agent, resource, issue })
}

async function requireResourceToken(
  context: ServerContext,
  compact: string,
  { agent, key, remoteAddress }: SigningAgent,
): Promise<{ resource: string; scope: readonly string[] }> {
  const { claims } = await verifyToken('resource+jwt', compact, {
    ...context.identifiers,
    audience: context.issuer,
    now: context.now,
    ...tokenKeys(context.discovery, 'aauth-resource', requireFound, remoteAddress),
  })
  if (context.discovery.isStale('aauth-resource', claims.iss)) {
    throw new AAuthError(
      'resource_token_invalid',
      'The keys of the resource cannot be fetched now: try again when its server answers.',
    )
  }
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
  requireNotBusy(found.failure)
  throw new AAuthError('resource_token_invalid', 'The key of the resource token was not found at its issuer.', {
    cause: found.failure,
  })
}

function requireNotBusy(failure: DiscoveryFailure): void {
  if (failure.reason !== 'busy') return
  const { retryAfter = 3 } = failure
  throw new AAuthError('too_many_requests', 'Too many documents are being fetched.', { cause: failure, retryAfter })
}

async function findAgent(context: ServerContext, { agent, remoteAddress }: SigningAgent): Promise<AgentMetadata> {
  const outcome = await context.discovery.findMetadata('aauth-agent', agent, remoteAddress)
  if ('found' in outcome) return outcome.found
  requireNotBusy(outcome.failure)
  throw new AAuthError('key_unknown', 'The document of the agent was not found.', { cause: outcome.failure })
}

async function displayOf(
  context: ServerContext,
  agent: AgentMetadata,
  { resource, remoteAddress }: Pick<AccessAsked, 'resource'> & Pick<SigningAgent, 'remoteAddress'>,
  shown: Pick<RequestDisplay['agent'], 'redirectHost' | 'jkt'>,
): Promise<RequestDisplay> {
  const outcome = await context.discovery.findMetadata('aauth-resource', resource, remoteAddress)
  const described = 'found' in outcome ? outcome.found : undefined
  return {
    agent: {
      ...shown,
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

// An app's private-use scheme has no host, and stands for it. Loopback, which alone may be `http`, has another port each
// time (W24).
function redirectHost(redirectUri: string): string {
  const { host, hostname, protocol } = new URL(redirectUri)
  if (protocol === 'http:') return hostname
  return host === '' ? protocol : host
}
