import { AAuthError } from 'countersign'
import { type Found, findTokenKey } from 'countersign/discovery'
import {
  type AgentMetadata,
  type AgentSelection,
  isSelected,
  january,
  ownAnswerParameter,
  parseScope,
  redirectHost,
  redirectKind,
  requireParameter,
} from 'countersign/editions'
import type { NonceClaim, VerificationKey } from 'countersign/signatures'
import { verifyToken } from 'countersign/tokens'
import { hashSecret } from '../../secrets/server-keys.js'
import type { RequestDisplay } from '../../storage/api/storage.js'
import { requireAllowedToDevice, shownDevice } from '../devices.js'
import type { SignedContext } from '../edition.js'
import { orUncount, type RequestedAccess, requireAdmitted, requireRoom } from '../require-admitted.js'
import { type ClaimingAction, requireFreshKeys, requireNotBusy, type SigningAgent } from '../signed-request.js'
import { type JanuaryDetails, januaryName } from './consent-transport.js'
import { deviceDocument } from './devices.js'
import { type AuthTokenResponse, issueAuthToken } from './issue-tokens.js'

type Form = ReadonlyMap<string, string>

/** The response to an agent when a user will decide on its request (S§9.4). */
interface RequestResponse {
  request_token: string
  expires_in: number
}

/**
 * `request_type=auth`: an agent requests access to a resource (with a resource token) or to itself (with a scope) (S§3.5, 9.3). A user will
 * decide, unless a policy allows the agent to act for itself (S§9.4).
 */
export async function requestAuthorization(
  context: SignedContext,
  agent: SigningAgent,
  form: Form,
): Promise<ClaimingAction<RequestResponse | AuthTokenResponse>> {
  requireOneSubject(form) //                                            request_malformed
  requireFreshKeys(agent) //                                            key_unknown
  const redirectUri = requireParameter(form, 'redirect_uri') //         request_malformed
  const access = await requireAccess(context, agent, form) //           resource_token_invalid, scope_invalid
  if (agent.device) requireAllowedToDevice(context, agent, access) //   policy_denied
  const admission = await requireAdmitted(context, agent, access) //    scope_invalid, agent_blocked, too_many_requests, policy_denied
  const { policy } = admission
  if (policy !== undefined) return { claiming: (nonce) => issueAutonomously(context, agent, { access, policy, nonce }) }
  const document = await orUncount(context, admission, async () => {
    const found = await requireDocument(context, agent, redirectUri) // key_unknown
    requireListedRedirect(redirectUri, found, context.interop.redirectUrisOptional) // redirect_uri_not_listed
    return found
  })
  const maxOpen = await requireRoom(context, agent, admission) //       too_many_requests
  const prompt = form.get('prompt')
  return {
    claiming: (nonce) => openRequest(context, agent, { access, redirectUri, document, prompt, maxOpen, nonce }),
  }
}

function requireOneSubject(form: Form): void {
  const asked = ['resource_token', 'scope', 'auth_request_url'].filter((name) => form.has(name))
  if (asked.length !== 1) {
    throw new AAuthError('request_malformed', 'Send exactly one of resource_token, scope and auth_request_url.')
  }
}

/**
 * The agent's document. It is fetched again if the cached one does not list the redirect URI, because the agent may have added it since.
 */
async function requireDocument(
  { discovery, interop, issuer }: SignedContext,
  { agent, remoteAddress, device }: SigningAgent,
  redirectUri: string,
): Promise<AgentMetadata> {
  if (device) return deviceDocument(issuer, device)
  const outcome = await discovery.findMetadata(january.documents.agent, agent, remoteAddress)
  if ('found' in outcome) {
    const { found } = outcome
    if (isListedRedirect(redirectUri, found, interop.redirectUrisOptional)) return found
    return (await discovery.renewMetadata(january.documents.agent, agent, found, remoteAddress)) ?? found
  }
  requireNotBusy(outcome.failure)
  throw new AAuthError('key_unknown', 'The agent’s document could not be fetched, or is invalid.', {
    cause: outcome.failure,
  })
}

async function issueAutonomously(
  context: SignedContext,
  agent: SigningAgent,
  {
    access: { resource, scope },
    policy,
    nonce,
  }: { access: RequestedAccess; policy: string; nonce: NonceClaim | undefined },
): Promise<AuthTokenResponse> {
  const issue = await context.storage.recordAutonomousIssue({
    nonce,
    agent: agent.agent,
    delegate: agent.delegate,
    resource,
    scope: scope.join(' '),
    policy,
    tokenLifetime: context.lifetimes.authToken,
  })
  return issueAuthToken(context, { agent, resource, issue })
}

/** A request on which a user will decide. */
interface RequestToOpen {
  access: RequestedAccess
  redirectUri: string
  document: AgentMetadata
  prompt: string | undefined
  /** Maximum number of open requests of the agent, including this one. */
  maxOpen: number
  nonce: NonceClaim | undefined
}

/** Records the agent's current metadata and stores the request. Returns the response to the agent (S§9.4). */
async function openRequest(
  context: SignedContext,
  agent: SigningAgent,
  { access, redirectUri, document, prompt, maxOpen, nonce }: RequestToOpen,
): Promise<RequestResponse> {
  const { storage, lifetimes, logos, secrets } = context
  const requestToken = secrets.random('aarq_')
  await storage.createAuthRequest({
    nonce,
    edition: januaryName,
    tokenHash: hashSecret(requestToken),
    agent: agent.agent,
    delegate: agent.delegate,
    agentJkt: agent.key.thumbprint,
    resource: access.resource,
    scope: access.scope.join(' '),
    redirectUri,
    display: await displayOf(context, agent, { access, redirectUri, document }),
    lifetime: lifetimes.requestToken,
    details:
      (agent.device || access.call) && ({ call: access.call, device: shownDevice(agent) } satisfies JanuaryDetails),
    prompt: prompt?.slice(0, 64),
    maxOpen,
    maxOpenOfAgent: agent.device ? maxOpen : undefined,
    requiredUserId: agent.device?.userId,
    sighting: agent.device
      ? undefined
      : {
          name: document.name?.slice(0, 256),
          redirectHosts: [redirectHost(redirectUri)],
          // A delegate has its own key, which changes often, so what is known about the agent's published keys is left unchanged.
          keyThumbprints: agent.delegate === null ? [agent.key.thumbprint] : undefined,
        },
  })
  logos?.note(agent.agent, document.logo_uri, agent.remoteAddress)
  return { request_token: requestToken, expires_in: lifetimes.requestToken }
}

/** What the pages show about the agent and the resource, as of when the request was made. */
async function displayOf(
  { discovery }: SignedContext,
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

/**
 * The access that the form requests: the access in its resource token (S§6), or a scope at the agent itself (S§3.5).
 *
 * @throws AAuthError
 */
async function requireAccess(
  context: SignedContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
): Promise<RequestedAccess> {
  const resourceToken = form.get('resource_token')
  if (agent.device && resourceToken === undefined)
    throw new AAuthError('request_malformed', 'A device is no resource: send a resource_token.')
  if (resourceToken !== undefined) return requireResourceAccess(context, agent, resourceToken)
  const scope = parseScope(form.get('scope') ?? '')
  if (!form.has('scope'))
    throw new AAuthError('request_malformed', 'This server does not support auth_request_url: send a scope.')
  return { resource: agent.agent, scope: requireScope(scope, 'The scope') }
}

async function requireResourceAccess(
  context: SignedContext,
  { agent, key, remoteAddress }: SigningAgent,
  compact: string,
): Promise<RequestedAccess> {
  const { claims } = await verifyToken(january.tokens.resource, compact, {
    audience: context.issuer,
    now: context.now,
    ...context.identifiers,
    findKey: findTokenKey(context.discovery, january.documents.resource, requireFound, remoteAddress),
  })
  if (context.discovery.isStale(january.documents.resource, claims.iss)) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource’s keys cannot be fetched right now: try again when its server is available.',
    )
  }
  if (claims.agent !== agent)
    throw new AAuthError('resource_token_invalid', 'The resource token was issued to another agent.')
  if (claims.agent_jkt !== key.thumbprint) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token is bound to another key: request a new resource token from the resource, using the key that signed this request.',
    )
  }
  if (claims.scope === undefined) {
    throw new AAuthError(
      'resource_token_invalid',
      'The resource token has an auth_request_url, which this server does not support: request a scope from the resource.',
    )
  }
  const scope = requireScope(parseScope(claims.scope), 'The resource token’s scope')
  const { iss: resource, call } = claims
  if (call && !call.target.startsWith(`${new URL(resource).origin}/`))
    throw new AAuthError('resource_token_invalid', 'The resource token’s call is not at the resource.')
  return { resource, scope, call }
}

function requireScope(scope: string[] | undefined, what: string): string[] {
  if (scope) return scope
  const rule = '1 to 64 values of up to 128 characters each, separated by single spaces (RFC 6749 §3.3)'
  throw new AAuthError('scope_invalid', `${what} must be ${rule}.`)
}

function requireFound(found: Found<VerificationKey>): VerificationKey {
  if ('found' in found) return found.found
  requireNotBusy(found.failure)
  throw new AAuthError(
    'resource_token_invalid',
    'The resource token’s key was not found at its issuer: the resource must serve its documents. ' +
      'Run countersign discover to see what it publishes.',
    { cause: found.failure },
  )
}

/**
 * Requires the agent's document to list exactly this redirect URI. A loopback URI that is listed without a port matches any port there
 * (W12, RFC 8252 §7.3).
 *
 * @param optional agents that need not list redirect URIs: any URI on the identifier's own origin is then accepted
 * @throws AAuthError `redirect_uri_not_listed`; `redirect_uri_ambiguous` if the response could be mistaken
 */
export function requireListedRedirect(redirectUri: string, metadata: AgentMetadata, optional: AgentSelection): void {
  if (!isListedRedirect(redirectUri, metadata, optional)) {
    throw new AAuthError(
      'redirect_uri_not_listed',
      metadata.redirect_uris === undefined
        ? 'The agent’s document has no redirect_uris: list the redirect_uri there.'
        : 'The agent’s document does not list this redirect_uri in redirect_uris. After such a mismatch, the document is fetched again at most once a minute.',
    )
  }
  const own = ownAnswerParameter(redirectUri)
  if (own !== undefined) {
    throw new AAuthError(
      'redirect_uri_ambiguous',
      `The redirect_uri must not contain the parameter ${own}, because the auth server adds it to the redirect: remove it from the redirect_uri in the request and in the agent’s document.`,
    )
  }
}

/** Whether the agent lists the redirect URI, according to {@link requireListedRedirect}. */
function isListedRedirect(
  redirectUri: string,
  { agent, redirect_uris: listed }: AgentMetadata,
  optional: AgentSelection,
): boolean {
  if (redirectKind(redirectUri) === undefined) return false
  if (listed) return listed.some((uri) => uri === redirectUri || uri === withoutLoopbackPort(redirectUri))
  return isSelected(optional, agent) && new URL(redirectUri).origin === new URL(agent).origin
}

function withoutLoopbackPort(uri: string): string | undefined {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)):\d{1,5}([/?].*)?$/.exec(uri)
  return match ? `${match[1]}${match[2] ?? ''}` : undefined
}
