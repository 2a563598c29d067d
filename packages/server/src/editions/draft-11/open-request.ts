import { AAuthError } from 'countersign'
import type { Found } from 'countersign/discovery'
import { type AgentDocument, draft11Documents, type ResourceDocument } from 'countersign/editions/draft-11'
import { handleOf } from 'countersign/editions/draft-11/sessions'
import type { NonceClaim } from 'countersign/signatures'
import { waitAfterDenials } from '../../admission/wait-after-denials.js'
import type { ResourceStatement } from '../../http/consent-transport.js'
import type { AgentToken } from '../../storage/api/agent-storage.js'
import type { RequestDisplay } from '../../storage/api/storage.js'
import { StorageError } from '../../storage/api/storage.js'
import { shownDevice } from '../devices.js'
import type { SignedContext } from '../edition.js'
import { type Admission, type RequestedAccess, requireRoom } from '../require-admitted.js'
import type { SigningAgent } from '../signed-request.js'
import { deviceDocument } from './devices.js'
import { interactionCode, linkHash, pollHash } from './interaction-code.js'
import { draft11Name } from './paths.js'
import { waitingResponse } from './pending-response.js'
import { problem } from './problems.js'
import type { ResourceTokenRef, TokenKind } from './request-details.js'
import { type Draft11Limits, requireFewResources } from './resource-limit.js'
import type { RequestHints } from './token-request.js'

/** A token that an agent may ask its user for. */
export interface WantedToken {
  kind: TokenKind
  access: RequestedAccess
  hints: RequestHints
  admission: Admission
  /** The user that the agent acts for; undefined if it acts for no one yet. */
  userId: string | undefined
  /** The token with which the agent authenticated. */
  agentToken: AgentToken
  /** The latest expiry of the token: that of the agent token, and of the token that was presented to the resource. */
  notAfter: number
  /** The expiry of the token that was presented to the resource, if there was one. */
  until: number | undefined
  account: string | undefined
  /** The resource token that asks for an auth token. */
  resourceToken: ResourceTokenRef | undefined
}

/** How long a request stays open if no user opens it, in seconds. */
const lifetime = 600

/** How often a code is chosen again if its handle is taken by another open request. */
const tries = 8

/**
 * Stores a request that a user will decide, and responds with where to poll (draft -11 §11.6.3).
 *
 * @throws AAuthError `consent_required` if no user can be asked, `too_many_requests`
 */
export async function openRequest(
  context: SignedContext,
  agent: SigningAgent,
  wanted: WantedToken & { limits: Draft11Limits; nonce: NonceClaim | undefined },
): Promise<Response> {
  const { hints, access, admission, limits } = wanted
  if (hints.prompt.has('none')) throw problem('user_unreachable', 'A user must decide, but prompt is none.')
  if (!(hints.canInteract ?? limits.capabilitiesOptional))
    throw problem(
      'user_unreachable',
      'A user must decide: list interaction in capabilities if you can take them to a page.',
    )
  await requireNotTooSoon(context, agent, wanted)
  const maxOpen = await requireRoom(context, agent, admission)
  await requireFewResources(context, agent, access.resource, limits)
  const parties = await findParties(context, agent, access.resource)
  return store(context, agent, { ...wanted, maxOpen, parties })
}

/** @throws AAuthError `too_many_requests` if the user that the agent acts for denied it the same a short time before */
async function requireNotTooSoon(
  context: SignedContext,
  { agent, delegate }: SigningAgent,
  { userId, access: { resource, scope } }: WantedToken,
): Promise<void> {
  if (userId === undefined) return
  const asked = { agent, id: delegate ?? undefined, resource, scope: scope.join(' ') }
  const retryAfter = await waitAfterDenials(context, userId, asked)
  if (retryAfter === undefined) return
  throw new AAuthError('too_many_requests', 'The user denied this a short time ago.', { retryAfter })
}

async function store(
  context: SignedContext,
  agent: SigningAgent,
  request: WantedToken & { limits: Draft11Limits; nonce: NonceClaim | undefined; maxOpen: number; parties: Parties },
): Promise<Response> {
  const { access, hints, kind, userId, agentToken, resourceToken, until, account, parties, maxOpen, limits, nonce } =
    request
  const { storage, secrets, logos } = context
  const { provider } = parties
  const prompt = ['consent', 'login', 'select_account'].filter((each) => hints.prompt.has(each)).join(' ')
  for (let left = tries; ; left -= 1) {
    const pollSecret = secrets.random('aarq_')
    const code = interactionCode(secrets, pollSecret)
    try {
      await storage.createAuthRequest({
        nonce,
        edition: draft11Name,
        tokenHash: linkHash(secrets, code),
        pollHash: pollHash(pollSecret),
        linkHandle: handleOf(code),
        agent: agent.agent,
        delegate: agent.delegate,
        agentJkt: agent.key.thumbprint,
        resource: access.resource,
        scope: access.scope.join(' '),
        redirectUri: null,
        display: displayOf(agent, parties),
        lifetime,
        prompt: prompt === '' ? undefined : prompt,
        maxOpen,
        maxOpenOfAgent: limits.openRequests,
        bindsAgent: true,
        requiredUserId: userId,
        agentToken,
        resourceTokenId: resourceToken?.jti,
        details: {
          kind,
          resourceToken: resourceToken ?? null,
          until: until ?? null,
          account: account ?? null,
          loginHint: hints.loginHint,
          callback: provider?.callback_endpoint ?? null,
          loopback: provider?.localhost_callback_allowed ?? false,
          device: shownDevice(agent),
          agentSays: hints.agentSays,
          resourceSays: statementOf(parties.resource),
        },
        sighting: agent.device
          ? undefined
          : { name: provider?.name?.slice(0, 256), redirectHosts: [], keyThumbprints: undefined },
      })
      logos?.note(agent.agent, provider?.logo_uri, agent.remoteAddress)
      return waitingResponse(context, { pollSecret, isOpened: false, retryAfter: 0 })
    } catch (error) {
      if (left === 1 || !(error instanceof StorageError) || error.code !== 'link_taken') throw error
    }
  }
}

/** The documents of the agent's provider and of the resource, as of now; undefined if they could not be read. */
interface Parties {
  provider: AgentDocument | undefined
  resource: Omit<ResourceDocument, 'signature_window'> | undefined
}

async function findParties(
  { discovery, issuer }: SignedContext,
  { agent, remoteAddress, device }: SigningAgent,
  resource: string,
): Promise<Parties> {
  const [provider, described] = await Promise.all([
    device
      ? { found: deviceDocument(issuer, device) }
      : discovery.findMetadata(draft11Documents.agent, agent, remoteAddress),
    discovery.findMetadata(draft11Documents.resource, resource, remoteAddress),
  ])
  return { provider: foundIn(provider), resource: foundIn(described) }
}

function foundIn<T>(found: Found<T>): T | undefined {
  return 'found' in found ? found.found : undefined
}

function displayOf({ delegate }: SigningAgent, { provider, resource }: Parties): RequestDisplay {
  const { scope_descriptions: scopeDescriptions } = resource ?? {}
  return {
    agent: {
      id: delegate ?? undefined,
      name: provider?.name,
      policyUri: provider?.policy_uri,
      tosUri: provider?.tos_uri,
    },
    resource: {
      name: resource?.name,
      actsAs: true,
      supportedScopes: scopeDescriptions && Object.keys(scopeDescriptions),
      scopeDescriptions: scopeDescriptions && { ...scopeDescriptions },
    },
  }
}

const maxDescription = 2000

/** What the resource says about what it is, and about what it needs before an agent may act there. */
function statementOf(resource: Parties['resource']): ResourceStatement {
  if (!resource) return { isUnreachable: true }
  const { description, access_mode: mode } = resource
  return {
    description: description?.slice(0, maxDescription),
    needs: mode === 'person-token' ? 'identity' : mode === 'auth-token' ? 'permission' : undefined,
  }
}
