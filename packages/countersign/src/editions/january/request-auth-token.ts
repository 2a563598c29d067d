import * as platform from '#crypto'
import { AgentError } from '../../lib/agent-error.js'
import { preciseClock } from '../../lib/clock.js'
import { plainLine } from '../../lib/plain-line.js'
import { parseScope } from '../../protocol/scope.js'
import { requestCode } from '../../tokens/request-code.js'
import type { AgentTools, AskedPermission, ConsentRequest, HeldToken, TokenNeed } from '../agent-protocol.js'
import { idOf, type PendingConsent, type WaitLimit } from './consent-store.js'
import { type IssuerMetadata, januaryDocuments } from './documents.js'
import type { CallbackAnswer, FoundConsent, PendingConsents } from './pending-consents.js'
import { findAuthServer, postForm, refusal, requireAuthToken, type TokenClient } from './token-endpoint.js'

/** A request for a token. */
export interface Asking {
  /** The holder of the token, whose browser must return from the auth server. */
  owner: string
  signal: AbortSignal
}

/** With the start of the wait, in Unix seconds. */
type Waited = Asking & { began: number }

export interface TokenRequester
  extends TokenClient,
    Pick<
      AgentTools,
      | 'discovery'
      | 'endpointOrigins'
      | 'consentTimeout'
      | 'canAsk'
      | 'openConsent'
      | 'tellElsewhere'
      | 'keep'
      | 'forOwner'
    > {
  /** Auth servers that drop `state` (W13). */
  stateOptional: readonly string[]
}

/** Exchanges a resource token for an auth token, with the user's consent if the auth server requires it (S§9.3–9.6). */
export async function requestAuthToken(
  requester: TokenRequester,
  pending: PendingConsents,
  request: TokenNeed,
  asking: Asking,
): Promise<HeldToken> {
  const { owner, signal } = asking
  const waited = { ...asking, began: requester.now() }
  for (let taken = 0; taken < mostTaken; ) {
    const found = await pending.find(request, owner)
    const token = found
      ? await waitFor(requester, pending, found, { ...waited, isNew: false })
      : await beginAndWait(requester, pending, request, waited)
    if (typeof token === 'object') return token
    if (token === 'taken') taken += 1
    signal.throwIfAborted()
  }
  throw new AgentError('token_request_failed', 'Other processes of the agent took each consent away.')
}

/** How many of this request's consents other processes may take over, such as those whose clock differs. */
const mostTaken = 5

/** Requests a token, and prompts the user if the auth server requires it; undefined: another process has or had the consent. */
async function beginAndWait(
  requester: TokenRequester,
  pending: PendingConsents,
  request: TokenNeed,
  waited: Waited,
): Promise<HeldToken | 'taken' | undefined> {
  const { owner, signal, began } = waited
  const way = await requester.openConsent(owner, await pending.leftBehind(request, owner))
  let isPending = false
  try {
    const consent = await beginConsent(requester, request, { signal, began, redirectUri: way.redirectUri })
    if ('jwt' in consent) {
      await requester.keep(consent, owner, signal)
      return consent
    }
    isPending = await pending.begin(consent, owner, way)
    if (!isPending) return await pending.waitElsewhere(consent, owner, signal, consent)
    return (await waitFor(requester, pending, { consent, way }, { ...waited, isNew: true })) ?? 'taken'
  } finally {
    if (!isPending) way.close()
  }
}

/** Requests a token: the auth server returns one, or the page where the user must decide. */
async function beginConsent(
  requester: TokenRequester,
  request: TokenNeed,
  { signal, began, redirectUri }: Omit<Waited, 'owner'> & { redirectUri: string },
): Promise<PendingConsent | HeldToken> {
  const metadata = await findAuthServer(requester, request.authServer)
  const { resource, authServer, resourceToken, scope } = request
  const answer = await postForm(requester, metadata, signal, {
    request_type: 'auth',
    ...(resourceToken === undefined ? { scope: scope ?? '' } : { resource_token: resourceToken }),
    redirect_uri: redirectUri,
  })
  if (typeof answer.auth_token === 'string') return requireAuthToken(requester, request, answer)
  const { request_token: requestToken } = answer
  if (typeof requestToken !== 'string' || requestToken === '') {
    throw new AgentError(
      'token_request_failed',
      'The auth server answered with neither an auth_token nor a request_token.',
    )
  }
  const expiresIn = typeof answer.expires_in === 'number' ? answer.expires_in : 600
  const state = platform.serializeBase64url(platform.randomBytes(24))
  const patience = patienceOf(requester, expiresIn)
  const need = { resource, authServer, scope }
  return {
    id: idOf(need),
    need,
    requestToken,
    state,
    redirectUri,
    url: consentUrl(metadata, { request_token: requestToken, redirect_uri: redirectUri, state }),
    code: await requestCode(requestToken),
    begunAt: preciseClock(),
    askedUntil: Math.floor(requester.now()) + expiresIn,
    until: began + patience,
    patience,
    issRequired: metadata.authorization_response_iss_parameter_supported === true,
    stateOptional: requester.stateOptional.includes(authServer),
  }
}

/**
 * Waits for the user's decision, prompted here or by another process.
 *
 * @throws AgentError `consent_required` if this agent cannot prompt
 */
async function waitFor(
  requester: TokenRequester,
  pending: PendingConsents,
  { consent, way }: FoundConsent,
  { owner, signal, began, isNew }: Waited & { isNew: boolean },
): Promise<HeldToken | undefined> {
  const { canAsk } = requester
  const { url, need, askedUntil } = consent
  // A decision that is being exchanged needs no prompt.
  if (!canAsk && consent.exchangedAt === undefined) {
    const why = `A person must decide at ${need.authServer}, and nobody can be asked.`
    throw new AgentError('consent_required', why, { url })
  }
  if (!way) {
    const patience = patienceOf(requester, askedUntil - began)
    return waitElsewhere(requester, pending, consent, { owner, signal, limit: { until: began + patience, patience } })
  }
  const failed = new AbortController()
  const obtained = pending.wait(consent, owner, AbortSignal.any([signal, failed.signal]))
  const giveUp = async (error: unknown) => {
    const isLeftOpen = error instanceof AgentError && error.code === 'consent_required'
    // Otherwise the user never saw it, unless they decided anyway.
    if (!isNew || isLeftOpen || (await pending.drop(consent, owner))) failed.abort(error)
  }
  const ask = async () => {
    const asked = await describe(requester, consent, consent.until, signal)
    if (!signal.aborted) await way.ask(asked)
  }
  ask().catch((error: unknown) => giveUp(error).catch(() => failed.abort(error)))
  return obtained
}

/** Waits for a decision that another process prompted for, and reports that. */
async function waitElsewhere(
  requester: TokenRequester,
  pending: PendingConsents,
  consent: PendingConsent,
  { owner, signal, limit }: Asking & { limit: WaitLimit },
): Promise<HeldToken | undefined> {
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  try {
    if (consent.exchangedAt === undefined) {
      const told = await describe(requester, consent, limit.until, stop)
      if (!signal.aborted) requester.tellElsewhere(told)?.catch((error: unknown) => ended.abort(error))
    }
    return await pending.waitElsewhere(consent, owner, stop, limit)
  } finally {
    ended.abort()
  }
}

/** The consent, as the user is prompted for it. */
async function describe(
  { discovery }: TokenRequester,
  { url, code, need, askedUntil }: PendingConsent,
  until: number,
  signal: AbortSignal,
): Promise<ConsentRequest> {
  const permissions = await describeScopes(discovery, need)
  const { authServer, resource, scope } = need
  return { url, code, authServer, resource, scope, permissions, expiresAt: Math.min(askedUntil, until), signal }
}

/** Longest description, in characters. */
const longestDescription = 200

/** Scopes about the user: no resource may describe them. */
const identityScopes = new Set(['openid', 'profile', 'email'])

/** The scopes of a need as its resource's document describes them; undescribed if the document cannot be fetched. */
async function describeScopes(
  discovery: AgentTools['discovery'],
  { resource, scope = '' }: Pick<TokenNeed, 'resource' | 'scope'>,
): Promise<AskedPermission[]> {
  const scopes = parseScope(scope) ?? []
  if (scopes.every((each) => identityScopes.has(each)))
    return scopes.map((each) => ({ scope: each, description: undefined }))
  const outcome = await discovery.findMetadata(januaryDocuments.resource, resource).catch(() => undefined)
  const { scope_descriptions: texts = {} } = outcome && 'found' in outcome ? outcome.found : {}
  return scopes.map((each) => {
    const isDescribed = Object.hasOwn(texts, each) && !identityScopes.has(each)
    return { scope: each, description: (isDescribed && plainLine(texts[each] ?? '', longestDescription)) || undefined }
  })
}

/** Seconds that this process waits; by default longer than the server's `expires_in`, since the user can extend it. */
function patienceOf({ consentTimeout }: TokenRequester, expiresIn: number): number {
  return consentTimeout ?? Math.max(expiresIn, longestConsent)
}

/** Exchanges the code of a callback for the token and stores it, even if no request waits for it any more. */
export async function redeemConsent(
  requester: TokenRequester,
  { need, redirectUri, requestToken }: PendingConsent,
  answer: CallbackAnswer,
  owner: string,
): Promise<HeldToken> {
  if ('error' in answer) throw refusal(answer.error, answer.description)
  return requester.forOwner(owner, async (signal) => {
    const metadata = await findAuthServer(requester, need.authServer)
    const tokens = await postForm(requester, metadata, signal, {
      request_type: 'code',
      code: answer.code,
      redirect_uri: redirectUri,
      request_token: requestToken,
    })
    const token = await requireAuthToken(requester, need, tokens)
    await requester.keep(token, owner, signal)
    return token
  })
}

/**
 * Refreshes an auth token (S§9.7) without the user. Undefined if the auth server no longer accepts the refresh token: the
 * user may have revoked the access.
 */
export async function refreshAuthToken(
  requester: TokenRequester,
  held: HeldToken,
  signal: AbortSignal,
): Promise<HeldToken | undefined> {
  if (held.refreshToken === undefined) return undefined
  const metadata = await findAuthServer(requester, held.authServer)
  try {
    const answer = await postForm(requester, metadata, signal, {
      request_type: 'refresh',
      refresh_token: held.refreshToken,
    })
    return { ...(await requireAuthToken(requester, held, answer)), refreshToken: held.refreshToken }
  } catch (error) {
    if (error instanceof AgentError && (error.error === 'invalid_grant' || error.code === 'access_denied'))
      return undefined
    throw error
  }
}

/** Longest wait for a consent, in seconds, unless the caller gives up before. */
const longestConsent = 3 * 3600

function consentUrl(metadata: IssuerMetadata, parameters: Record<string, string>): string {
  const url = new URL(metadata.agent_auth_endpoint)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}
