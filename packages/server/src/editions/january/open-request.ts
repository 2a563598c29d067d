import { january } from 'countersign'
import type { AgentMetadata } from 'countersign/wire'
import type { ServerContext } from '../../context.js'
import { hashSecret } from '../../secrets/minted-secrets.js'
import type { RequestDisplay } from '../../storage/storage.js'
import type { AccessAsked } from '../../token/require-admitted.js'
import type { SigningAgent } from '../../token/signed-request.js'

/** A request that a person will decide. */
export interface RequestToOpen {
  access: AccessAsked
  redirectUri: string
  /** The agent's document. */
  document: AgentMetadata
  prompt: string | undefined
  /** How many requests of the agent may then be open. */
  maxOpen: number
}

/** Remembers the agent as it is seen now and stores the request. Returns the answer to the agent (S§9.4). */
export async function openRequest(
  context: ServerContext,
  agent: SigningAgent,
  { access, redirectUri, document, prompt, maxOpen }: RequestToOpen,
): Promise<{ request_token: string; expires_in: number }> {
  const { storage, lifetimes, logos, secrets } = context
  await storage.recordAgent({
    agent: agent.agent,
    name: document.name?.slice(0, 256),
    redirectHosts: [redirectHost(redirectUri)],
    keyThumbprints: await publishedKeys(context, agent),
  })
  const requestToken = secrets.random('aarq_')
  await storage.createAuthRequest({
    tokenHash: hashSecret(requestToken),
    agent: agent.agent,
    delegate: agent.delegate,
    agentJkt: agent.key.thumbprint,
    resource: access.resource,
    scope: access.scope.join(' '),
    redirectUri,
    display: await displayOf(context, agent, { access, redirectUri, document }),
    lifetime: lifetimes.requestToken,
    prompt: prompt?.slice(0, 64),
    maxOpen,
  })
  logos?.note(agent.agent, document.logo_uri)
  return { request_token: requestToken, expires_in: lifetimes.requestToken }
}

// A delegate's key is its own and changes often; what is known of the agent's published keys stays.
async function publishedKeys(
  { storage }: ServerContext,
  { agent, delegate, key }: SigningAgent,
): Promise<readonly string[]> {
  return delegate === null ? [key.thumbprint] : ((await storage.findAgent(agent))?.keyThumbprints ?? [])
}

/** What the pages show of the agent and the resource, as they were when it asked. */
async function displayOf(
  { discovery }: ServerContext,
  { delegate, key, remoteAddress }: SigningAgent,
  { access, redirectUri, document }: Pick<RequestToOpen, 'access' | 'redirectUri' | 'document'>,
): Promise<RequestDisplay> {
  const outcome = await discovery.findMetadata(january.documents.resource, access.resource, remoteAddress)
  const described = 'found' in outcome ? outcome.found : undefined
  return {
    agent: {
      redirectHost: redirectHost(redirectUri),
      jkt: delegate === null ? key.thumbprint : undefined,
      name: document.name,
      homepage: document.homepage,
      policyUri: document.policy_uri,
      tosUri: document.tos_uri,
    },
    resource: {
      supportedScopes: described?.supported_scopes,
      scopeDescriptions: described?.scope_descriptions,
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
