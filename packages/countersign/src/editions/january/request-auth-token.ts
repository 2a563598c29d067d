import * as platform from '#crypto'
import { AgentError, type ConsentDetails } from '../../lib/agent-error.js'
import { preciseClock } from '../../lib/clock.js'
import { requestCode } from '../../tokens/issue-token.js'
import type { AgentTools, HeldToken, OpenConsent, TokenNeed } from '../agent-protocol.js'
import { type PendingConsent, updateConsent } from '../consent-store.js'
import { describeScopes } from '../describe-scopes.js'
import { type IssuerMetadata, januaryDocuments } from './documents.js'
import type { CallbackResponse } from './exchange-callback.js'
import type { PendingConsents, WaitLimit } from './pending-consents.js'
import { findAuthServer, postForm, refusal, requireAuthToken, type TokenClient } from './token-endpoint.js'

/** A request for a token. */
export interface Asking {
  /** The owner of the token, whose browser must return from the auth server. */
  owner: string
  signal: AbortSignal
}

/** The maximum wait, and when the wait started, in Unix seconds. */
type Waited = Asking & { began: number }

export interface TokenRequester
  extends TokenClient,
    Pick<
      AgentTools,
      | 'consents'
      | 'discovery'
      | 'endpointOrigins'
      | 'consentTimeout'
      | 'canPrompt'
      | 'openConsent'
      | 'keep'
      | 'reasonFor'
      | 'noteRefusal'
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
  const waited = { ...asking, began: requester.now() }
  for (let turn = 0; turn < mostTurns; turn += 1) {
    const token = await obtainOnce(requester, pending, request, waited)
    if (token) return token
    asking.signal.throwIfAborted()
  }
  throw new AgentError('token_request_failed', 'Other processes kept starting or removing the consent.')
}

/** How many times a request's consent may be removed, or started first by another process. */
const mostTurns = 10

/** Waits for the open consent, or starts one. Resolves to undefined if it was removed, or if another process was first. */
async function obtainOnce(
  requester: TokenRequester,
  pending: PendingConsents,
  request: TokenNeed,
  waited: Waited,
): Promise<HeldToken | undefined> {
  const { owner, signal } = waited
  const found = await pending.find(request, owner)
  // If a decision is already being exchanged, no prompt is needed.
  if (found?.receivedCode !== undefined)
    return pending.wait(found, owner, { ...waited, ...limitOf(requester, found, waited) })
  if (found) {
    const way = pending.channelFor(found) ?? (await requester.openConsent(owner, found))
    if (way.redirectUri === found.redirectUri) {
      pending.keepOpen(found, owner, way)
      return promptAndWait(requester, pending, found, { ...waited, way, isNew: false })
    }
    way.close()
    // The consent's page redirects to another program, so users are no longer shown that page. A new consent can start.
    await updateConsent(requester, owner, found, { promptExpiresAt: requester.now() })
  }
  const state = platform.serializeBase64url(platform.randomBytes(24))
  const way = await requester.openConsent(owner, { state })
  let isKept = false
  try {
    const consent = await beginConsent(requester, request, { signal, state, redirectUri: way.redirectUri })
    if ('jwt' in consent) {
      await requester.keep(consent, owner, signal)
      return consent
    }
    isKept = await pending.begin(consent, owner)
    if (!isKept) return undefined
    pending.keepOpen(consent, owner, way)
    return await promptAndWait(requester, pending, consent, { ...waited, way, isNew: true })
  } finally {
    if (!isKept) way.close()
  }
}

/** Requests a token. The auth server returns either the token or the page where the user must decide. */
async function beginConsent(
  requester: TokenRequester,
  request: TokenNeed,
  { signal, state, redirectUri }: { signal: AbortSignal; state: string; redirectUri: string },
): Promise<PendingConsent | HeldToken> {
  const metadata = await findAuthServer(requester, request.authServer)
  const { resource, authServer, resourceToken, scope, call } = request
  const answer = await postForm(requester, metadata, signal, {
    request_type: 'auth',
    ...(resourceToken === undefined ? { scope: scope ?? '' } : { resource_token: resourceToken }),
    redirect_uri: redirectUri,
  })
  if (typeof answer.auth_token === 'string') return requireAuthToken(requester, request, answer)
  const { request_token: requestToken } = answer
  if (typeof requestToken !== 'string' || requestToken === '') {
    throw new AgentError('token_request_failed', 'The auth server returned neither an auth_token nor a request_token.')
  }
  const expiresIn = typeof answer.expires_in === 'number' ? answer.expires_in : 600
  const now = requester.now()
  return {
    id: '',
    need: { resource, authServer, scope, call },
    requestToken,
    state,
    redirectUri,
    url: consentUrl(metadata, { request_token: requestToken, redirect_uri: redirectUri, state }),
    code: await requestCode(requestToken),
    createdAt: preciseClock(),
    promptExpiresAt: Math.floor(now) + expiresIn,
    until: now + Math.max(expiresIn, longestConsent),
    issRequired: metadata.authorization_response_iss_parameter_supported === true,
    stateOptional: requester.stateOptional.includes(authServer),
  }
}

/**
 * Prompts the user and waits for their decision.
 *
 * @throws AgentError `consent_required` if this agent cannot prompt
 */
async function promptAndWait(
  requester: TokenRequester,
  pending: PendingConsents,
  consent: PendingConsent,
  { way, isNew, ...waited }: Waited & { way: OpenConsent; isNew: boolean },
): Promise<HeldToken | undefined> {
  const { owner } = waited
  const over = new AbortController()
  const signal = AbortSignal.any([waited.signal, over.signal])
  const limit = limitOf(requester, consent, waited)
  const details = describe(requester, consent, limit.until)
  if (!requester.canPrompt) {
    const reason = await requester.reasonFor(consent.need, owner)
    const why = `The user must give consent at ${consent.need.authServer} (${reason}), but this agent cannot prompt.`
    throw new AgentError('consent_required', why, { consent: await details, reason })
  }
  const ask = async () => {
    const asked = await details
    if (!signal.aborted) await way.ask({ ...asked, signal })
  }
  const giveUp = async (error: unknown) => {
    const isLeftOpen = error instanceof AgentError && error.code === 'consent_required'
    // A new consent that was never shown is dropped. If that fails, the user decided it anyway.
    if (!isNew || isLeftOpen || (await pending.drop(consent, owner))) over.abort(error)
  }
  ask().catch((error: unknown) => giveUp(error).catch(() => over.abort(error)))
  return pending.wait(consent, owner, { signal, ...limit }).catch((error: unknown) => {
    over.abort(error)
    throw error
  })
}

/** How long a request waits. By default, this is longer than the server's `expires_in`, because the user can extend the request. */
function limitOf(
  { consentTimeout }: TokenRequester,
  { promptExpiresAt }: PendingConsent,
  { began }: Waited,
): Omit<WaitLimit, 'signal'> {
  const patience = consentTimeout ?? Math.max(promptExpiresAt - began, longestConsent)
  return { until: began + patience, patience }
}

/** The consent, as presented to the user. */
async function describe(
  { discovery }: TokenRequester,
  { url, code, need, promptExpiresAt }: PendingConsent,
  until: number,
): Promise<ConsentDetails> {
  const permissions = await describeScopes(discovery, januaryDocuments.resource, need)
  const { authServer, resource, scope } = need
  return { url, code, authServer, resource, scope, permissions, expiresAt: Math.min(promptExpiresAt, until) }
}

/**
 * Exchanges the code in a callback for the token and stores the token, even if no request is waiting for it any more.
 *
 * @param proceed called before the code is sent, and before the token is stored
 */
export async function redeemConsent(
  requester: TokenRequester,
  { need, redirectUri, requestToken }: PendingConsent,
  answer: CallbackResponse,
  owner: string,
  proceed: () => Promise<void>,
): Promise<HeldToken> {
  if ('error' in answer) {
    const refused = refusal(answer.error, answer.description)
    // Only a hint for the next request: access was denied even if the hint cannot be stored.
    if (refused.code === 'access_denied') await requester.noteRefusal(need, owner).catch(() => undefined)
    throw refused
  }
  return requester.forOwner(owner, async (signal) => {
    const metadata = await findAuthServer(requester, need.authServer)
    await proceed()
    const tokens = await postForm(requester, metadata, signal, {
      request_type: 'code',
      code: answer.code,
      redirect_uri: redirectUri,
      request_token: requestToken,
    })
    const token = await requireAuthToken(requester, need, tokens)
    await proceed()
    await requester.keep(token, owner, signal)
    return token
  })
}

/**
 * Refreshes an auth token (S§9.7) without the user. Resolves to undefined if the auth server no longer accepts the refresh token: the user
 * may have revoked access.
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

/** Longest wait for a consent, in seconds, unless the caller aborts earlier. */
const longestConsent = 3 * 3600

function consentUrl(metadata: IssuerMetadata, parameters: Record<string, string>): string {
  const url = new URL(metadata.agent_auth_endpoint)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}
