import {
  type AuthRequest,
  hashSecret,
  type RequestDisplay,
  type RequestedAccess,
  type SignedContext,
  type SigningAgent,
} from 'countersign-server/edition'
import { documents } from '../library/documents.js'
import { editionName } from './paths.js'
import { pendingResponse } from './pending-response.js'
import { type Asked, createTicket, ticketHash } from './ticket.js'

/** A request that a user will decide. */
export interface RequestToOpen {
  access: RequestedAccess
  asked: Asked
  /** Maximum number of open requests of the agent, including this one. */
  maxOpen: number
}

/** Records the agent as it is now, and stores the request. Returns the response to the agent. */
export async function openRequest(
  context: SignedContext,
  agent: SigningAgent,
  { access, asked, maxOpen }: RequestToOpen,
): Promise<Response> {
  const { storage, secrets, lifetimes } = context
  const display = await displayOf(context, agent, access)
  await storage.recordAgent({
    agent: agent.agent,
    name: display.agent.name?.slice(0, 256),
    redirectHosts: [],
    keyThumbprints: (await storage.findAgent(agent.agent))?.keyThumbprints ?? [],
  })
  const ticket = createTicket(asked, secrets)
  const request = await storage.createAuthRequest({
    edition: editionName,
    tokenHash: ticketHash(ticket),
    agent: agent.agent,
    delegate: agent.delegate,
    agentJkt: agent.key.thumbprint,
    resource: access.resource,
    scope: access.scope.join(' '),
    redirectUri: null,
    display,
    lifetime: lifetimes.requestToken,
    maxOpen,
  })
  const isDecided = await allowRemembered(context, request, { ticket, userId: asked.userId })
  return pendingResponse(context, ticket, { retryAfter: 0, needs: isDecided ? 'nobody' : 'interaction' })
}

/** Allows a request that is covered by a remembered grant, so that no user has to open a page. Returns whether it did. */
async function allowRemembered(
  { storage, transports, lifetimes }: SignedContext,
  request: AuthRequest,
  { ticket, userId }: { ticket: string; userId: string | undefined },
): Promise<boolean> {
  if (userId === undefined) return false
  const { edition, agent, delegate, resource } = request
  const grant = await storage.findRememberedGrant({ edition, userId, agent, delegate, resource })
  const handleHash = transports.of(request).handleHashOf(request)
  const user = await storage.findUser(userId)
  if (!grant || !user || handleHash === undefined) return false
  const { outcome } = await storage.allowRemembered({
    tokenHash: ticketHash(ticket),
    // No browser has this value.
    browserHash: hashSecret(ticket),
    userId,
    credentialRevision: user.credentialRevision,
    state: null,
    grantId: grant.id,
    handle: { handleHash, handleLifetime: lifetimes.code },
  })
  return outcome === 'allowed'
}

/**
 * Returns the data about the issuer that vouches for the agent, and about the resource, as they are at the time of the request. The pages
 * show it.
 */
async function displayOf(
  { discovery }: SignedContext,
  { agent, remoteAddress }: SigningAgent,
  { resource }: RequestedAccess,
): Promise<RequestDisplay> {
  const provider = await discovery.findMetadata(documents.agent, agent, remoteAddress)
  const described = await discovery.findMetadata(documents.resource, resource, remoteAddress)
  const { name, policy_uri: policyUri, tos_uri: tosUri } = 'found' in provider ? provider.found : {}
  const { scope_descriptions: scopeDescriptions } = 'found' in described ? described.found : {}
  return {
    agent: { name, policyUri, tosUri },
    resource: { supportedScopes: scopeDescriptions && Object.keys(scopeDescriptions), scopeDescriptions },
  }
}
