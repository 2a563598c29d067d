import { AAuthError } from 'countersign'
import { redirectHost } from 'countersign/editions'
import type { ServerContext } from '../../http/context.js'
import { seeOther, signInFirst, withCookies } from '../../http/html-response.js'
import { PageError } from '../../http/page-error.js'
import type { Arrival } from '../../http/route.js'
import { inSession, openVisit, type SignedInVisit, type Visit } from '../../http/visit.js'
import { hashSecret } from '../../secrets/server-keys.js'
import { secondsUntil } from '../../storage/api/throttle-storage.js'
import { orUncount, requireAdmitted, requireRoom } from '../require-admitted.js'
import {
  type AuthorizationProblem,
  type AuthorizationRequest,
  readAuthorizationRequest,
  readSentParameters,
  type SentParameters,
} from './authorization-request.js'
import type { Client } from './client-document.js'
import { clientRedirect, hashOAuthSecret, linkTo } from './consent-transport.js'
import type { FetchCaller } from './fetched-documents.js'
import type { ClientFinder } from './find-client.js'
import type { OAuthResource, ResourceFinder } from './find-resource.js'
import { oauthName } from './names.js'
import { OAuthProblem } from './oauth-problem.js'
import { requireRedirect } from './redirects.js'
import { oauthError } from './refusals.js'

/** Where the metadata of clients and resources is found. */
export interface OAuthDocuments {
  clients: ClientFinder
  resources: ResourceFinder
  /** The resource of a request that names none. @default such a request is refused */
  defaultResource: string | undefined
}

/**
 * `GET /oauth/authorize`: checks an authorization request, and sends the signed-in user to the consent page of the stored request. Before the
 * user has signed in, nothing is changed and no document is fetched, so that no one can make this server send requests without an account.
 */
export function createAuthorizationEndpoint(context: ServerContext, documents: OAuthDocuments) {
  return async function authorize(arrival: Arrival): Promise<Response> {
    // Link scanners send HEAD requests.
    if (arrival.received.method === 'HEAD') throw new PageError('method_not_allowed')
    const visit = await openVisit(context, arrival)
    try {
      return await authorizeVisit(context, documents, visit)
    } catch (error) {
      throw asPageError(error, visit)
    }
  }
}

async function authorizeVisit(context: ServerContext, documents: OAuthDocuments, visit: Visit): Promise<Response> {
  const sent = readSentParameters(visit.url)
  const { session } = visit
  if (!session) {
    await requirePossible(documents, sent)
    return signInFirst(visit)
  }
  await requireUserRates(context, session.user.id)
  const caller = { mayFetch: true, remoteAddress: visit.ip, user: session.user.id }
  const client = await documents.clients.find(sent.clientId, caller)
  requireRedirect(sent.redirectUri, client.redirectUris, context.issuer)
  const request = readAuthorizationRequest(sent)
  if ('error' in request) throw problemPage(context, { sent, client }, request)
  try {
    return await storeRequest(context, { ...visit, session }, { documents, client, request, caller })
  } catch (error) {
    const problem = redirectedProblem(error)
    throw problem ? problemPage(context, { sent, client }, problem, error) : error
  }
}

/**
 * Refuses an id that cannot be a client's before the user signs in: programs probe whether this server still knows them. Whether a document
 * is cached must not make a difference.
 */
async function requirePossible({ clients }: OAuthDocuments, { clientId }: SentParameters): Promise<void> {
  try {
    await clients.find(clientId, { mayFetch: false })
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error
    if (error.code === 'client_unknown') throw error
  }
}

/** How many scopes a request may be for, as in the signed editions: tokens with more are not accepted. */
const maxScopes = 64

/** Limits on the requests of one user, whichever clients they name. Each may cause two fetches. */
const userRates = [
  { window: 60, most: 60 },
  { window: 3600, most: 300 },
]

/** @throws AAuthError `too_many_requests` */
async function requireUserRates({ storage, rateFactor, now }: ServerContext, userId: string): Promise<void> {
  const reached = await storage.countWithinLimits(
    userRates.map(({ window, most }) => ({
      key: hashSecret(`oauth requests of ${userId} per ${window}`),
      window,
      most: most * rateFactor,
    })),
  )
  if (!reached) return
  const retryAfter = secondsUntil(reached.resetAt, now())
  throw new AAuthError('too_many_requests', 'Too many authorization requests of this user.', { retryAfter })
}

interface ValidRequest {
  documents: OAuthDocuments
  client: Client
  request: AuthorizationRequest
  /** On whose behalf documents are fetched. */
  caller: FetchCaller
}

async function storeRequest(
  context: ServerContext,
  visit: SignedInVisit,
  { documents, client, request, caller }: ValidRequest,
): Promise<Response> {
  const { storage, secrets, lifetimes } = context
  // Anyone can send a request that names this client, so each user has their own rates.
  const countedAs = `user ${visit.session.user.id}`
  const agent = { agent: client.id, delegate: null, remoteAddress: visit.ip, countedAs, actsForItself: false }
  const resource = await findResource(documents, request.resource, caller)
  const scope = scopeOf(request.scope, resource)
  const admission = await requireAdmitted(context, agent, { resource: resource.id, scope })
  await orUncount(context, admission, () => requireRoom(context, agent, admission))
  const ticket = secrets.random('aarq_')
  const tokenHash = hashOAuthSecret('request', ticket)
  await storage.createAuthRequest({
    edition: oauthName,
    tokenHash,
    agent: client.id,
    delegate: null,
    agentJkt: request.codeChallenge,
    resource: resource.id,
    scope: scope.join(' '),
    redirectUri: request.redirectUri,
    display: {
      agent: {
        name: client.name,
        redirectHost: redirectHost(request.redirectUri),
        fingerprint: client.fingerprint,
        bearer: true,
        registeredBy: client.registeredBy,
      },
      resource: {
        name: resource.name,
        supportedScopes: [...resource.scopes],
        scopeDescriptions: { ...resource.scopeDescriptions },
      },
    },
    lifetime: lifetimes.requestToken,
    prompt: ['consent', 'login', 'select_account'].filter((each) => request.prompt.has(each)).join(' ') || undefined,
    // Limited by the user's rates instead: requests that name this client are not its own.
    maxOpen: Number.MAX_SAFE_INTEGER,
    sighting: {
      name: client.name,
      redirectHosts: [...new Set(client.redirectUris.map(redirectHost))],
      keyThumbprints: [client.fingerprint],
    },
  })
  // Only the browser and user that came here may decide.
  await storage.bindRequest({ tokenHash, ...inSession(visit), state: request.state ?? null })
  const response = withCookies(seeOther(linkTo(ticket).path), visit.newCookies)
  // The consent page must see that the user came from the client: by default, the browser would not send the client's origin again.
  response.headers.set('referrer-policy', 'strict-origin-when-cross-origin')
  return response
}

/**
 * Returns the scope that the user is asked to allow: the requested values that the resource knows, or those that it suggests for a first
 * request if it knows none of them. Scopes about the user's identity are never among them.
 *
 * @throws AAuthError `invalid_scope`, from `oauthError`
 */
function scopeOf(requested: readonly string[], { scopes, initialScopes }: OAuthResource): readonly string[] {
  const known = requested.filter((name) => scopes.includes(name))
  const scope = known.length > 0 ? known : initialScopes
  if (scope.length > maxScopes)
    throw oauthError('invalid_scope', `A request may be for at most ${maxScopes} scopes: send scope with fewer.`)
  return scope
}

async function findResource(
  { resources, defaultResource }: OAuthDocuments,
  requested: string | undefined,
  caller: FetchCaller,
): Promise<OAuthResource> {
  const resource = requested ?? defaultResource
  if (resource === undefined) throw new OAuthProblem('resource_unknown', 'The request names no resource.')
  return resources.find(resource, caller)
}

/** Returns what the client learns about an error through the redirect; undefined if the user sees a page instead. */
function redirectedProblem(error: unknown): AuthorizationProblem | undefined {
  if (error instanceof OAuthProblem && error.code.startsWith('resource_'))
    return { error: 'invalid_target', description: 'The resource is not known to this server.' }
  if (error instanceof AAuthError && error.error === 'invalid_scope')
    return { error: error.error, description: error.message }
  if (error instanceof AAuthError && error.code === 'scope_invalid')
    return { error: 'invalid_request', description: 'The resource offers none of these scopes.' }
  return undefined
}

/**
 * A page that says that the client's request cannot be used, with a button that takes the problem to the client. The log gets the cause: why
 * a resource cannot be used concerns only its operator.
 */
function problemPage(
  { issuer }: ServerContext,
  { sent: { redirectUri, state }, client }: { sent: SentParameters; client: Client },
  problem: AuthorizationProblem,
  cause: unknown = new AAuthError('request_malformed', problem.description),
): PageError {
  const back = clientRedirect({ redirectUri, state: state ?? null }, issuer, problem)
  return new PageError('request_invalid', {
    agent: client.id,
    agentHost: client.host ?? client.id,
    back,
    cause,
  })
}

/** Turns the refusal of a client into a page, or into JSON for a program that probes whether it is still known. */
function asPageError(error: unknown, { request, url }: Visit): unknown {
  const agent = url.searchParams.get('client_id')?.slice(0, 512)
  if (error instanceof OAuthProblem) {
    if (error.code === 'too_many_fetches')
      return new PageError('too_many_requests', { agent, cause: error, retryAfter: error.retryAfter })
    if (wantsJson(request) && (error.code === 'client_unknown' || error.code === 'client_invalid')) {
      const response = Response.json(
        { error: 'invalid_client' },
        { status: 400, headers: { 'cache-control': 'no-store' } },
      )
      return new PageError('client_unknown', { agent, cause: error, response })
    }
    return new PageError(error.code === 'redirect_mismatch' ? 'redirect_mismatch' : 'client_unknown', {
      agent,
      cause: error,
    })
  }
  if (!(error instanceof AAuthError)) return error
  if (error.code === 'policy_denied' || error.code === 'agent_blocked')
    return new PageError('policy_forbids', { agent, cause: error })
  if (error.code === 'too_many_requests')
    return new PageError('too_many_requests', { agent, cause: error, retryAfter: error.retryAfter })
  return error
}

function wantsJson({ headers }: Request): boolean {
  const accepted = headers.get('accept') ?? ''
  return accepted.includes('application/json') && !accepted.includes('text/html')
}
