import { AgentError } from '../../lib/agent-error.js'
import type { LruCache } from '../../lib/lru-cache.js'
import type { AgentTools, Credential, HeldToken, SentRequest } from '../agent-protocol.js'
import { isTokenRefused } from './agent-tokens.js'
import { sendAbandonment } from './await-decision.js'
import type { DeferralTools, Deferred, DeferredConsents } from './deferred-consents.js'
import { createPoll, readDeferral } from './deferred-response.js'
import type { OwnerNames } from './owner-names.js'
import { accessHeader, parseRequirement, requirementHeader } from './requirement.js'
import { parseSignatureError, signatureErrorHeader } from './signature-error.js'
import { hasUserToken, sessionKind } from './token-kinds.js'

/** Session tokens do not expire at the agent, in seconds: a resource replaces or refuses them. */
const sessionLifetime = 365 * 86_400

const longestAccess = 4096

type Received = { response: Response; request: Request } | undefined

/** What a response of a resource is handled with. */
export interface ResponseTools {
  tools: DeferralTools
  names: OwnerNames
  consents: DeferredConsents
  /** The components that resources require besides the usual ones, by origin. */
  required: LruCache<readonly string[]>
  /** The interactions that are in progress, by owner and resource. */
  interactions: Map<string, Promise<unknown>>
}

/**
 * Handles what can be handled without a token from a person server: components that the signature lacked, an agent token that is no longer
 * accepted, session tokens, and deferred responses (draft -11 §6, 11.6.3). Resolves to undefined if the response stays as it is.
 */
export async function receiveResponse(own: ResponseTools, first: Response, sent: SentRequest): Promise<Received> {
  const response = (await repaired(own, first, sent)) ?? first
  const { tools } = own
  await keepAccess(tools, response, sent.url, nameIn(sent.credential, tools), sent.owner, sent.signal)
  const settled = response.status === 202 ? await settleDeferral(own, response, sent) : undefined
  return settled ?? (response === first ? undefined : { response, request: sent.request })
}

/** The response to the same request, sent again once, because the refusal was about its signature or its agent token. */
async function repaired(
  { tools, required }: ResponseTools,
  response: Response,
  sent: SentRequest,
): Promise<Response | undefined> {
  const { credential, url } = sent
  const problem = response.status === 401 ? parseSignatureError(response.headers.get(signatureErrorHeader)) : undefined
  if (problem?.requiredInput) {
    const { origin } = new URL(url)
    const known = required.get(origin, tools.now()) ?? []
    const added = problem.requiredInput.filter((name) => !known.includes(name))
    const unsupported = added.some((name) => !derived.has(name) && !fieldName.test(name))
    if (added.length === 0 || unsupported || known.length + added.length > maxComponents) return undefined
    required.set(origin, [...known, ...added], Number.POSITIVE_INFINITY)
    return resend(tools, response, sent, credential)
  }
  if (hasUserToken(credential) || !isTokenRefused(response)) return undefined
  tools.agentTokens.drop(nameIn(credential, tools))
  return resend(tools, response, sent, credential)
}

/** The derived components that signatures can cover (RFC 9421 §2.2). */
const derived: ReadonlySet<string> = new Set(['@method', '@authority', '@path', '@query'])

/** A field name as a component (RFC 9421 §2.1), in lower case. `Headers` throws for any other text. */
const fieldName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/

const maxComponents = 32

async function resend(
  { send }: Pick<AgentTools, 'send'>,
  { body }: Response,
  { request, signal }: SentRequest,
  credential: Credential,
): Promise<Response> {
  await body?.cancel()
  return send(new Request(request.clone(), { signal }), credential)
}

async function settleDeferral(own: ResponseTools, response: Response, sent: SentRequest): Promise<Received> {
  const { requirement } = parseRequirement(response.headers.get(requirementHeader)) ?? {}
  // Without a requirement that can be satisfied, the response is the API's own.
  if (requirement === undefined || !['auth-token', 'interaction', 'approval'].includes(requirement)) return undefined
  const deferral = readDeferral(response, sent.url)
  // The resource keeps the call, and executes it when it is polled with the token.
  if (requirement === 'auth-token') return { response, request: createPoll(deferral.location, 0) }
  await response.body?.cancel()
  const { tools, interactions } = own
  const { owner, credential, signal, url } = sent
  const { origin } = new URL(url)
  const agentName = nameIn(credential, tools)
  const need = { resource: origin, authServer: origin, scope: undefined, kind: sessionKind }
  const deferred = { deferral, need, agentName }
  const flight = JSON.stringify([owner, origin])
  const running = interactions.get(flight)
  if (running) {
    // The user is prompted once. Then the request is sent again, with the session that they allowed.
    await sendAbandonment(tools, { requestToken: deferral.location, agentName })
    await untilAborted(
      running.catch(() => undefined),
      signal,
    )
    return sendAgain(own, sent, need)
  }
  const deciding = decideInteraction(own, deferred, sent)
  interactions.set(flight, deciding)
  try {
    return await deciding
  } finally {
    interactions.delete(flight)
  }
}

async function decideInteraction(own: ResponseTools, deferred: Deferred, sent: SentRequest): Promise<Received> {
  const { tools, names, consents } = own
  const { owner, signal, request, credential: used } = sent
  const { need, agentName, deferral } = deferred
  const earlier = await consents.find(need, owner)
  if (earlier || !(used.scheme === 'token' || (await names.claim(owner, agentName)))) {
    await sendAbandonment(tools, { requestToken: deferral.location, agentName })
    if (earlier) await consents.decide(earlier, { owner, signal, isOwnRequest: false })
    return sendAgain(own, sent, need)
  }
  await sent.beforeConsent()
  const consent = await consents.begin(deferred, owner)
  const credential = used.scheme === 'token' ? used : undefined
  const decision = consent && (await consents.decide(consent, { owner, signal, isOwnRequest: true, credential }))
  const { response } = decision ?? {}
  if (!response) return sendAgain(own, sent, need)
  const isRefused = response.status === 401 || response.status === 202
  return { response, request: isRefused ? createPoll(deferral.location, 0) : request }
}

/** Sends a request again: with the session token if there is one by now, or else under a new name. */
async function sendAgain(own: ResponseTools, sent: SentRequest, need: Deferred['need']): Promise<Received> {
  const { tools } = own
  const { owner, request, signal } = sent
  signal.throwIfAborted()
  const held = await tools.storedSince(need, owner, 0)
  const credential: Credential = held ? { scheme: 'token', held } : { scheme: 'agent', owner }
  const response = await tools.send(new Request(request.clone(), { signal }), credential)
  await keepAccess(tools, response, sent.url, nameIn(credential, tools), owner, signal)
  if (response.status !== 202) return { response, request }
  throw new AgentError(
    'token_request_failed',
    `${new URL(sent.url).host} requires another decision for the same request.`,
  )
}

/** Stores the session token in a response. A new one replaces the old one. */
export async function keepAccess(
  tools: Pick<AgentTools, 'keep' | 'now'>,
  { headers }: Response,
  url: string,
  agentName: string,
  owner: string,
  signal: AbortSignal,
): Promise<HeldToken | undefined> {
  const jwt = headers.get(accessHeader)
  // Several values, or a value with spaces, could be read differently by others.
  if (jwt === null || jwt.length > longestAccess || !/^[\w.~+/-]+=*$/.test(jwt)) return undefined
  const { origin } = new URL(url)
  const until = tools.now() + sessionLifetime
  const token: HeldToken = {
    jwt,
    resource: origin,
    scope: [],
    expiresAt: until,
    refreshAt: until,
    authServer: origin,
    refreshToken: undefined,
    kind: sessionKind,
    agentName,
    // The token is opaque: even if it is a JWT, its `sub` is the resource's own business.
    userScope: `${sessionKind} ${origin}`,
    user: sessionKind,
  }
  await tools.keep(token, owner, signal)
  return token
}

/** The agent's name in a request. */
export function nameIn(credential: Credential, { agentTokens }: Pick<DeferralTools, 'agentTokens'>): string {
  const named = credential.scheme === 'token' ? credential.held : credential
  return ('agentName' in named ? named.agentName : undefined) ?? agentTokens.ownName
}

/** Waits for something that others also wait for. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  )
  return Promise.race([promise, aborted])
}
