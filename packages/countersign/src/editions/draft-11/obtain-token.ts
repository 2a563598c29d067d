import { AgentError } from '../../lib/agent-error.js'
import { endpointProblem } from '../../protocol/documents.js'
import { parseScope } from '../../protocol/parameters.js'
import { decodeToken } from '../../tokens/verify-token.js'
import type { AgentTools, HeldToken, TokenNeed } from '../agent-protocol.js'
import { readBody, requireResponse, sendWithRetries } from '../auth-server-requests.js'
import { describeUnknownKey } from '../describe-unknown-key.js'
import { personServerOf, presentableUntil, sendAs } from './agent-tokens.js'
import { type DeferredConsent, sendAbandonment } from './await-decision.js'
import type { DeferralTools, DeferredConsents } from './deferred-consents.js'
import { failureIn, readDeferral } from './deferred-response.js'
import { draft11Documents, type PersonDocument } from './documents.js'
import type { OwnerNames } from './owner-names.js'
import { verifyResourceToken } from './require-resource-token.js'
import { parseSignatureError, signatureErrorHeader } from './signature-error.js'
import { personKind } from './token-kinds.js'
import { draft11Tokens } from './tokens.js'
import { verifyIssued } from './verify-issued.js'

/** What requesting a token needs. */
export interface TokenRequester {
  tools: DeferralTools
  names: OwnerNames
  consents: DeferredConsents
}

/** How often a consent may be removed, started first by another process, or found to have expired, before a request gives up. */
const mostTurns = 5

/**
 * Obtains a person token or, with a resource token, an auth token (draft -11 §7.1), with the user's consent if the person server requires
 * it.
 */
export async function obtainToken(
  requester: TokenRequester,
  need: TokenNeed,
  owner: string,
  signal: AbortSignal,
): Promise<HeldToken> {
  const { tools } = requester
  const { kind, presented, resourceToken } = need
  if (presented && resourceToken === undefined) await tools.discard(owner, presented, 'revoked')
  const held = kind === personKind && !presented ? await tools.storedSince(need, owner, 0) : undefined
  if (held) return held
  for (let turn = 0; turn < mostTurns; turn++) {
    const token = await obtainOnce(requester, need, owner, signal).catch((error: unknown) => {
      if (!presented || !(error instanceof AgentError) || !refusedPresented.has(error.error ?? '')) throw error
      // The request for a person token presents none, so such a response to it would recur forever.
      if (resourceToken === undefined) throw error
      // With a new person token, the resource issues a new resource token.
      return obtainToken(requester, personNeed(tools, need.resource, presented), owner, signal)
    })
    if (token) return token
    signal.throwIfAborted()
  }
  throw new AgentError('token_request_failed', 'Other processes kept starting or removing the consent.')
}

/** How long a request may take that is sent only to save another one, in milliseconds. */
const unpromptedTimeout = 5000

/** Obtains a person token if the person server needs no decision of the user (`prompt=none`); undefined if it does, or if that fails. */
export async function obtainUnprompted(
  { tools, names, consents }: TokenRequester,
  resource: string,
  owner: string,
): Promise<HeldToken | undefined> {
  const agentName = await names.bound(owner)
  const need = personNeed(tools, resource, undefined)
  // If the user is about to decide, the request waits for that.
  if (agentName === undefined || (await consents.find(need, owner))) return undefined
  return tools
    .forOwner(owner, async (ending) => {
      const signal = AbortSignal.any([ending, AbortSignal.timeout(unpromptedTimeout)])
      const request = await createRequest(tools, need, signal, { prompt: 'none', capabilities: [] })
      const response = await sendAs(tools, request, agentName)
      if (response.status === 200) return keepIssued(tools, names, { need, agentName }, response, { owner, signal })
      await response.body?.cancel()
      if (response.status === 202)
        await sendAbandonment(tools, { requestToken: readDeferral(response, request.url).location, agentName })
      return undefined
    })
    .catch(() => undefined) // The request itself shows whether it needs the token.
}

/** The errors of a person server that no longer accepts the token that was presented to the resource. */
const refusedPresented: ReadonlySet<string> = new Set(['expired_presented_token', 'revoked_presented_token'])

async function obtainOnce(
  { tools, names, consents }: TokenRequester,
  need: TokenNeed,
  owner: string,
  signal: AbortSignal,
): Promise<HeldToken | undefined> {
  const found = await consents.find(need, owner)
  if (found) {
    const decision = await consents.decide(found, { owner, signal, isOwnRequest: false }).catch((error: unknown) => {
      // No process polled it in time: a new consent can start.
      if (error instanceof AgentError && error.code === 'consent_expired' && error.error !== undefined) return undefined
      throw error
    })
    return decision?.token
  }
  const agentName = need.presented?.agentName ?? (await names.forConsent(owner))
  const request = await createRequest(tools, need, signal)
  const response = await sendWithRetries(() => sendAs(tools, request.clone(), agentName), {
    mayHaveArrived: true,
    signal,
  }).catch((error: unknown) => {
    requireResponse(need.authServer, error)
    throw error
  })
  signal.throwIfAborted()
  const { resource, authServer, scope, kind, presented, resourceToken } = need
  const sub = presented && resourceToken !== undefined ? String(decodeToken(presented.jwt)?.payload.sub) : undefined
  const consentNeed = { resource, authServer, scope, kind }
  if (response.status === 202) {
    const deferral = readDeferral(response, request.url)
    await response.body?.cancel()
    const consent = await consents.begin({ deferral, need: consentNeed, agentName, sub }, owner)
    return consent && (await consents.decide(consent, { owner, signal, isOwnRequest: true }))?.token
  }
  if (response.status !== 200) throw await failureOf(tools, response, need)
  return keepIssued(tools, names, { need: consentNeed, agentName, sub }, response, { owner, signal })
}

/** Verifies the token in a person server's response, and stores it. */
export async function keepIssued(
  tools: AgentTools,
  names: OwnerNames,
  { need, agentName, sub }: Pick<DeferredConsent, 'need' | 'agentName' | 'sub'>,
  response: Response,
  { owner, signal }: { owner: string; signal: AbortSignal },
): Promise<HeldToken> {
  const { resource, authServer, kind } = need
  const body = (await readBody(response)) ?? {}
  const expected = { resource, authServer, sub }
  const { claims, jwt } =
    kind === personKind
      ? { ...(await verifyIssued(tools, draft11Tokens.person, body.person_token, expected)), jwt: body.person_token }
      : { ...(await verifyIssued(tools, draft11Tokens.auth, body.auth_token, expected)), jwt: body.auth_token }
  const { exp, scope } = claims as { exp: number; scope?: string }
  const until = presentableUntil(exp, tools.now())
  const token: HeldToken = {
    jwt: String(jwt),
    resource,
    scope: (scope === undefined ? undefined : parseScope(scope)) ?? [],
    expiresAt: until,
    refreshAt: until,
    authServer,
    refreshToken: undefined,
    isRenewable: true,
    kind,
    agentName,
    userScope: `${authServer} ${resource}`,
  }
  await tools.keep(token, owner, signal)
  await names.bind(owner, agentName)
  return token
}

async function createRequest(
  tools: DeferralTools,
  need: TokenNeed,
  signal: AbortSignal,
  how: object = { capabilities: ['interaction'] },
): Promise<Request> {
  const document = await findPersonServer(tools, need.authServer)
  const { resourceToken, presented } = need
  let url = document.person_token_endpoint
  let members: Record<string, unknown> = { resource: need.resource }
  if (resourceToken !== undefined && presented !== undefined) {
    const { login_hint: loginHint } = await verifyResourceToken(tools, resourceToken, need)
    url = document.auth_token_endpoint
    members = { resource_token: resourceToken, presented_token: presented.jwt }
    if (loginHint !== undefined) members.login_hint = loginHint
  }
  return new Request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...members, ...how }),
    signal,
    redirect: 'manual',
  })
}

/** Returns a person server's document after checking its endpoints. */
async function findPersonServer(
  { discovery, endpointOrigins }: Pick<AgentTools, 'discovery' | 'endpointOrigins'>,
  authServer: string,
): Promise<PersonDocument> {
  const outcome = await discovery.findMetadata(draft11Documents.authServer, authServer)
  if ('failure' in outcome) {
    const { failure } = outcome
    requireResponse(authServer, failure)
    const message = `The metadata of ${authServer} cannot be used: ${failure.message}. Run countersign discover ${authServer} --edition draft-11.`
    throw new AgentError('auth_server_unknown', message, { cause: failure })
  }
  for (const member of ['person_token_endpoint', 'auth_token_endpoint'] as const) {
    const problem = endpointProblem(authServer, member, outcome.found[member], endpointOrigins)
    if (problem !== undefined)
      throw new AgentError('endpoint_refused', `The document of ${authServer} was rejected: ${problem}.`)
  }
  return outcome.found
}

async function failureOf(tools: DeferralTools, response: Response, { authServer }: TokenNeed): Promise<AgentError> {
  const problem = parseSignatureError(response.headers.get(signatureErrorHeader))
  if (problem?.error === 'unknown_key') {
    const message = describeUnknownKey(authServer, tools.id, draft11Documents.agent)
    return new AgentError('key_unknown', message, { error: problem.error })
  }
  return failureIn(response, new URL(authServer).host)
}

/**
 * The person token that a resource requires.
 *
 * @param refused a token that is no longer accepted
 * @throws AgentError if the agent has no person server
 */
export function personNeed(
  tools: Pick<AgentTools, 'authServers'>,
  resource: string,
  refused: HeldToken | undefined,
): TokenNeed {
  const authServer = personServerOf(tools)
  if (authServer !== undefined) return { resource, authServer, scope: undefined, kind: personKind, presented: refused }
  throw new AgentError(
    'auth_server_unknown',
    `${new URL(resource).host} requires a token from the agent’s person server: list that server in authServers.`,
  )
}
