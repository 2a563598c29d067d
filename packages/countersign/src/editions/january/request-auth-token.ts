import * as platform from '#crypto'
import { AgentError } from '../../lib/agent-error.js'
import type { PublicJwk } from '../../lib/algorithms.js'
import { serializeBase64url } from '../../lib/base64url.js'
import { preciseClock } from '../../lib/clock.js'
import { AAuthError } from '../../lib/errors.js'
import { jwkThumbprint } from '../../lib/jwk.js'
import { documentUrl } from '../../protocol/document-type.js'
import { endpointProblem } from '../../protocol/endpoint-origins.js'
import { parseScope } from '../../protocol/scope.js'
import { confirmationJwk } from '../../tokens/confirmation-jwk.js'
import { decodeToken } from '../../tokens/decode-token.js'
import { requestCode } from '../../tokens/request-code.js'
import type { AgentTools, ConsentRequest, HeldToken, TokenNeed } from '../agent-protocol.js'
import { describeUnknownKey } from '../describe-unknown-key.js'
import { describeScopes } from './describe-scopes.js'
import { type IssuerMetadata, januaryDocuments } from './documents.js'
import {
  type CallbackAnswer,
  type FoundConsent,
  idOf,
  type PendingConsent,
  type PendingConsents,
  type WaitLimit,
} from './pending-consents.js'
import { readAnswer } from './read-answer.js'
import { sendAgain } from './send-again.js'
import { signatureProblem } from './signature-problem.js'
import { januaryTokens } from './tokens.js'

/** Who needs a token, and until when. */
export interface Asking {
  /** Who will hold the token, and whose browser must bring the answer. */
  owner: string
  signal: AbortSignal
}

/** Where the time that this process waits began, in Unix seconds. */
type Waited = Asking & { began: number }

export interface TokenRequester
  extends Pick<
    AgentTools,
    | 'id'
    | 'discovery'
    | 'endpointOrigins'
    | 'consentTimeout'
    | 'now'
    | 'canAsk'
    | 'openConsent'
    | 'tellElsewhere'
    | 'keep'
    | 'forOwner'
  > {
  /** Sends a request as the agent. */
  send: (request: Request) => Promise<Response>
  /** Thumbprint of the agent's key. */
  thumbprint: string
  /** Auth servers that drop `state` (W13). */
  stateOptional: readonly string[]
}

/** Takes a resource token to its auth server and comes back with an auth token, by way of a person where one must decide (S§9.3–9.6). */
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

/** How many consents that this process has begun other ones may take the place of, such as those with another clock. */
const mostTaken = 5

/** Asks the auth server, and then a person where it wants one; undefined: another process asks, or did. */
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

/** Asks the auth server: it gives a token, or says where a person must decide. */
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
  const state = serializeBase64url(platform.randomBytes(24))
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
 * Waits for what a person decides, who is asked here or by another process.
 *
 * @throws AgentError `consent_required` where nobody can be asked
 */
async function waitFor(
  requester: TokenRequester,
  pending: PendingConsents,
  { consent, way }: FoundConsent,
  { owner, signal, began, isNew }: Waited & { isNew: boolean },
): Promise<HeldToken | undefined> {
  const { canAsk } = requester
  const { url, need, askedUntil } = consent
  // What somebody has decided is only waited for.
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
    // Otherwise nobody knows of it, unless somebody has decided it all the same.
    if (!isNew || isLeftOpen || (await pending.drop(consent, owner))) failed.abort(error)
  }
  const ask = async () => {
    const asked = await describe(requester, consent, consent.until, signal)
    if (!signal.aborted) await way.ask(asked)
  }
  ask().catch((error: unknown) => giveUp(error).catch(() => failed.abort(error)))
  return obtained
}

/** Waits for what a person decides whom another process asks, and says so. */
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

/** What a person is told who must decide. */
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

/** Seconds that this process waits; by default longer than the agent was told, since the person may keep the request open. */
function patienceOf({ consentTimeout }: TokenRequester, expiresIn: number): number {
  return consentTimeout ?? Math.max(expiresIn, longestConsent)
}

/** Exchanges what a person brought for the token, and keeps it, whether or not somebody still waits for it. */
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
 * Gets a new auth token for one that has a refresh token (S§9.7); nobody is asked. Undefined when the auth server no
 * longer knows the refresh token: the person may have removed the access.
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

/** Seconds that a consent is waited for, unless the caller gives up before. */
const longestConsent = 3 * 3600

/** How much of a token's life passes before a new one is fetched in the background. */
const refreshShare = 0.8

async function findAuthServer(
  { discovery, endpointOrigins }: TokenRequester,
  authServer: string,
): Promise<IssuerMetadata> {
  const outcome = await discovery.findMetadata(januaryDocuments.authServer, authServer)
  if ('failure' in outcome) {
    const { failure } = outcome
    const message = `The document of ${authServer} was not found: ${failure.message}.`
    throw new AgentError('auth_server_unknown', message, { cause: failure })
  }
  // Both before anything is sent: where the person would type a password counts as much as where tokens come from.
  for (const member of ['agent_token_endpoint', 'agent_auth_endpoint'] as const) {
    const problem = endpointProblem(authServer, member, outcome.found[member], endpointOrigins)
    if (problem !== undefined)
      throw new AgentError('endpoint_refused', `The document of ${authServer} is refused: ${problem}.`)
  }
  return outcome.found
}

async function postForm(
  requester: TokenRequester,
  metadata: IssuerMetadata,
  signal: AbortSignal,
  form: Record<string, string>,
): Promise<Record<string, unknown>> {
  const request = new Request(metadata.agent_token_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    signal,
    redirect: 'manual',
  })
  const response = await sendAgain(() => requester.send(request.clone()), {
    // A code that was sent twice takes back what it gave.
    mayHaveArrived: form.request_type !== 'code',
    signal,
  })
  const body = await readAnswer(response)
  // Not every fetch heeds the signal.
  signal.throwIfAborted()
  if (response.ok && body) return body
  const error = typeof body?.error === 'string' ? body.error : undefined
  if (error === 'access_denied') throw refusal(error, body?.error_description)
  if (signatureProblem(response) === 'key_unknown') {
    const address = documentUrl(januaryDocuments.agent, requester.id)
    throw new AgentError('key_unknown', describeUnknownKey(metadata.issuer, requester.id, address), { error })
  }
  throw new AgentError(
    'token_request_failed',
    `The auth server answered ${response.status} ${error ?? ''}${inWords(body?.error_description)}`.trim(),
    { error, retryAfter: retryAfterOf(response) },
  )
}

/** Seconds, where nothing else is wrong than that it is too much: at least one, and at most a day. */
function retryAfterOf({ status, headers }: Response): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const said = headers.get('retry-after') ?? ''
  return /^\d+$/.test(said) ? Math.min(Math.max(Number(said), 1), 86_400) : usualPause
}

/** Seconds before a server is asked again that had too much to do, and did not say how long. */
const usualPause = 60

function refusal(error: string, description: unknown): AgentError {
  const why = inWords(description) || '.'
  if (error === 'access_denied') return new AgentError('access_denied', `Access was not allowed${why}`, { error })
  return new AgentError('token_request_failed', `The auth server sent the person back with an error${why}`, { error })
}

/** What the auth server says about its error, to be put behind ours; it may come by a browser. */
function inWords(description: unknown): string {
  return typeof description === 'string' && description !== ''
    ? `: ${description.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?')}`
    : ''
}

function consentUrl(metadata: IssuerMetadata, parameters: Record<string, string>): string {
  const url = new URL(metadata.agent_auth_endpoint)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

/** The thumbprint; undefined for what is no key that is used here, and so not the agent's. */
async function thumbprintOf(jwk: PublicJwk): Promise<string | undefined> {
  try {
    return await jwkThumbprint(jwk)
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}

async function requireAuthToken(
  { thumbprint, now }: TokenRequester,
  { resource, authServer }: Pick<TokenNeed, 'resource' | 'authServer'>,
  answer: Record<string, unknown>,
): Promise<HeldToken> {
  const refuse = (why: string) => new AgentError('auth_token_refused', `The auth token is refused: ${why}.`)
  const { auth_token: jwt, expires_in: expiresIn } = answer
  if (typeof jwt !== 'string') throw refuse('there is none in the answer')
  const token = decodeToken(jwt)
  const { typ } = januaryTokens.auth
  if (token?.header.typ !== typ) throw refuse(`it is not an ${typ}`)
  const { iss, aud, scope, exp } = token.payload
  if (iss !== authServer) throw refuse('its iss is not the auth server asked')
  if (Array.isArray(aud) ? !aud.includes(resource) : aud !== resource) throw refuse('its aud is not the resource asked')
  const jwk = confirmationJwk(token.payload)
  if (!jwk || !('kty' in jwk) || typeof jwk.kty !== 'string') throw refuse('it is bound to no key')
  if ((await thumbprintOf({ ...jwk, kty: jwk.kty })) !== thumbprint) throw refuse('it is bound to another key')
  if (typeof exp !== 'number' || exp <= now()) throw refuse('it has expired')
  const expiresAt = typeof expiresIn === 'number' ? Math.min(exp, now() + expiresIn) : exp
  return {
    jwt,
    resource,
    scope: parseScope(typeof scope === 'string' ? scope : '') ?? [],
    expiresAt,
    refreshAt: now() + refreshShare * (expiresAt - now()),
    authServer,
    refreshToken: typeof answer.refresh_token === 'string' ? answer.refresh_token : undefined,
  }
}
