import { createDiscovery } from '../discovery/discovery.js'
import type { FetchDocument } from '../discovery/fetch-document.js'
import type { Found } from '../discovery/found.js'
import { tokenKeys } from '../discovery/token-keys.js'
import { signRequest } from '../httpsig/sign-request.js'
import type { SignatureKey } from '../httpsig/signature-key.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { jsonResponse } from '../lib/json-response.js'
import type { VerificationKey } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Signer } from '../lib/signer.js'
import { warnOnce } from '../lib/warn-once.js'
import { type Challenge, parseChallenge } from '../protocol/challenge.js'
import type { EndpointOrigins } from '../protocol/endpoint-origins.js'
import { isIdentifier, isLoopbackIdentifier } from '../protocol/identifier.js'
import { type AgentMetadata, metadataUrl } from '../protocol/metadata.js'
import type { AuthTokenClaims } from '../tokens/token-table.js'
import { verifyToken } from '../tokens/verify-token.js'
import { AgentError } from './agent-error.js'
import { type CallbackOutcome, callbackPage } from './callback-page.js'
import { type Credential, createChallengeSteps, type Step, stepFor } from './challenge-steps.js'
import { createPendingConsents } from './pending-consents.js'
import type { ConsentRequest, TokenRequester } from './request-auth-token.js'
import { requireAgentOptions } from './require-agent-options.js'
import { describeUnknownKey, saysKeyUnknown } from './unknown-key.js'

export interface AgentOptions {
  /** The agent's identifier: its `https` URL, where {@link Agent.handler} answers (W10). */
  id: string
  /** Signs every request. */
  signer: Signer
  /**
   * The auth servers that may be sent to, as identifiers or as a function that decides. There is no default: a person
   * will type a password there (W21).
   */
  authServers: readonly string[] | ((authServer: string) => MaybePromise<boolean>)
  /**
   * Called when a person must decide: show them `url` in the browser that started this. The request waits meanwhile;
   * abort its signal to give up.
   */
  onConsent: (consent: ConsentRequest) => void | Promise<void>
  /** Where the auth server sends the person back to; listed in the agent's document. @default `${id}/callback` */
  redirectUri?: string
  /** What the agent says about itself in its document (S§8.1). */
  about?: Pick<AgentMetadata, 'name' | 'logo_uri' | 'policy_uri' | 'tos_uri' | 'homepage'>
  /** An agent token that makes this process a delegate of `id` (S§5). Absent: it signs with a key that `id` publishes. */
  agentToken?: () => MaybePromise<string>
  /** Whether the first request names the agent; `key` proves only the key until a resource asks for more. @default 'agent' */
  introduce?: 'agent' | 'key'
  /** The browser session behind a callback, for web agents: see {@link Agent.forSession}. */
  sessionOf?: (request: Request) => MaybePromise<string | undefined>
  /** Answers the callback instead of the built-in page. */
  callbackResponse?: (outcome: CallbackOutcome) => MaybePromise<Response>
  /**
   * Other origins that the endpoints of an auth server may be at, by auth server, as in
   * `{ 'https://auth.example': ['https://login.example'] }`: people then type their password there.
   * @default none: endpoints must be at the origin of their auth server
   */
  endpointOrigins?: EndpointOrigins
  /** Auth servers that drop `state`: a callback without it is accepted while exactly one consent is pending (W13). @default none */
  stateOptional?: readonly string[]
  /** Seconds to wait for a person; servers let people keep a request open longer than they first say. @default three hours */
  consentTimeout?: number
  /** For peers that read `Signature` only as base64url (W2). @default 'base64' */
  signatureEncoding?: 'base64' | 'base64url'
  /** `never` for peers that refuse the `Nonce` header (W9). @default 'automatic' */
  nonce?: 'automatic' | 'never'
  /** Sends requests, and fetches documents unless `fetchDocument` does. @default `globalThis.fetch`, and a guarded fetch for documents */
  fetch?: typeof globalThis.fetch
  /** Fetches the documents of auth servers. @default `fetch` where it is given, else a guarded fetch */
  fetchDocument?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean
  /** Accepts identifiers with a path, of its own and of others (W10): `https://host/~someone` is then not `https://host`. @default false */
  allowPath?: boolean
}

export interface SignInRequest {
  authServer: string
  /** Space-separated; `openid`, `profile` and `email` are about the person, anything else is access to the agent's own API. @default 'openid' */
  scope?: string
  signal?: AbortSignal
}

export interface Agent {
  readonly id: string
  /** The published document. */
  readonly metadata: AgentMetadata
  /**
   * `fetch`, with every request signed and challenges answered: it may wait for a person. Redirects are not followed.
   * Resolves to the last response when a challenge repeats. Rejects with {@link AgentError} when authorization fails, and
   * with a TypeError for plain http, except on loopback with a port where `allowInsecureLoopback` is set.
   */
  readonly fetch: typeof globalThis.fetch
  /** The same agent for one browser session of a web agent: its own consents and tokens, never those of another person. */
  forSession(session: string): Pick<Agent, 'fetch' | 'signIn'>
  /**
   * Signs a person in to the agent itself, and gets access to its own API, with one token (S§3.5). Resolves to the
   * token's claims, verified; a person is `iss` and `sub` together. Rejects with {@link AgentError}.
   */
  signIn(request: SignInRequest): Promise<AuthTokenClaims>
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  handler(request: Request): Promise<Response>
}

/**
 * An agent that nobody registered: signs its requests, answers challenges, and asks a person where one must decide
 * (S§3, 9).
 *
 * @throws TypeError for options that cannot work
 * @example
 * ```ts
 * const agent = createAgent({ id: 'https://agent.example', signer, authServers: ['https://auth.example'], onConsent: ({ url }) => open(url) })
 * const response = await agent.fetch('https://api.example/events')
 * ```
 */
export function createAgent(options: AgentOptions): Agent {
  const { id, signer, authServers, agentToken, now = systemClock, redirectUri = `${options.id}/callback` } = options
  const { allowInsecureLoopback = false, allowPath = false } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  if (identifiers.allowInsecureLoopback) warnOnce('allowInsecureLoopback', 'anybody on this machine can answer for it')
  requireAgentOptions(options, identifiers)
  const send = options.fetch ?? globalThis.fetch
  const fetchDocument = options.fetchDocument ?? options.fetch
  const discovery = createDiscovery({
    ...identifiers,
    ...(fetchDocument ? { fetch: fetchDocument } : {}),
    now,
    failureTime: 'shortest',
  })
  const pending = createPendingConsents()

  const requester: TokenRequester = {
    id,
    discovery,
    send: (request) => sendSigned(request, { scheme: 'agent' }),
    onConsent: options.onConsent,
    pending,
    redirectUri,
    thumbprint: signer.thumbprint,
    endpointOrigins: options.endpointOrigins,
    stateOptional: options.stateOptional ?? [],
    consentTimeout: options.consentTimeout,
    now,
  }

  const { kid: _kid, alg: _alg, use: _use, ...members } = signer.jwk
  const headerKey: SignatureKey = { scheme: 'hwk', jwk: members }
  const publishedKey: SignatureKey = { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' }

  async function sendSigned(request: Request, credential: Credential): Promise<Response> {
    const signed = await signRequest(request, {
      signer,
      signatureKey: await referenceTo(credential),
      created: now(),
      ...(options.signatureEncoding ? { encoding: options.signatureEncoding } : {}),
      ...(options.nonce ? { nonce: options.nonce } : {}),
    })
    return send(signed)
  }

  async function referenceTo(credential: Credential): Promise<SignatureKey> {
    if (credential.scheme === 'token') return { scheme: 'jwt', jwt: credential.held.jwt }
    if (credential.scheme === 'key') return headerKey
    return agentToken ? { scheme: 'jwt', jwt: await agentToken() } : publishedKey
  }

  async function isAccepted(authServer: string): Promise<boolean> {
    if (!isIdentifier(authServer, identifiers)) return false
    return typeof authServers === 'function' ? authServers(authServer) : authServers.includes(authServer)
  }

  const steps = createChallengeSteps({ id, thumbprint: signer.thumbprint, requester, isAccepted, now })

  async function fetchAs(
    session: string | undefined,
    input: Parameters<typeof globalThis.fetch>[0],
    init?: RequestInit,
  ): Promise<Response> {
    const request = await bufferRequest(new Request(input, { ...init, redirect: 'manual' }))
    const { url, signal } = request
    requireSecure(url, allowInsecureLoopback)
    const token = await steps.tokenFor(session ?? '', url, signal)
    let credential: Credential = token ? { scheme: 'token', held: token } : { scheme: options.introduce ?? 'agent' }
    const taken = new Set<Step>()
    for (;;) {
      const response = await sendSigned(request.clone(), credential)
      if (saysKeyUnknown(response)) warnOnce('unknown_key', describeUnknownKey(new URL(url).origin, id))
      const challenge = challengeOf(response)
      const step = challenge && stepFor(response.status, challenge, credential)
      if (!challenge || !step || taken.has(step)) return response
      taken.add(step)
      const next = await steps.take(step, challenge, { url, credential, session, signal })
      if (!next) return response
      await response.body?.cancel()
      credential = next
    }
  }

  async function signInAs(session: string | undefined, request: SignInRequest): Promise<AuthTokenClaims> {
    const { authServer, scope = 'openid', signal = new AbortController().signal } = request
    const token = await steps.askForOwn({ authServer, scope, session, signal })
    const { claims } = await verifyToken('auth+jwt', token.jwt, {
      ...identifiers,
      audience: id,
      issuers: [authServer],
      now,
      ...tokenKeys(discovery, 'aauth-issuer', requireIssuerKey),
    })
    return claims
  }

  const metadata: AgentMetadata = {
    agent: id,
    jwks_uri: `${id}/jwks.json`,
    redirect_uris: [redirectUri],
    ...options.about,
  }
  const pathOf = (url: string) => new URL(url).pathname
  const routes = new Map<string, (request: Request) => Promise<Response>>([
    [pathOf(metadataUrl(id, 'aauth-agent')), async () => jsonResponse(200, metadata)],
    [pathOf(metadata.jwks_uri), async () => jsonResponse(200, { keys: [signer.jwk] })],
    [pathOf(redirectUri), answerCallback],
  ])

  async function answerCallback(request: Request): Promise<Response> {
    const match = pending.complete(new URL(request.url).searchParams, await options.sessionOf?.(request))
    const page =
      options.callbackResponse ??
      ((outcome: CallbackOutcome) => callbackPage(outcome, match.matched ? undefined : match.reason))
    if (!match.matched) return page('refused')
    const exchanged = await match.finished
    if ('error' in match.answer) return page(match.answer.error === 'access_denied' ? 'denied' : 'failed')
    return page(exchanged === 'done' ? 'allowed' : 'failed')
  }

  return {
    id,
    metadata,
    fetch: (input, init) => fetchAs(undefined, input, init),
    forSession(session) {
      if (session === '') throw new TypeError('forSession needs the id of a browser session')
      return {
        fetch: (input, init) => fetchAs(session, input, init),
        signIn: (request) => signInAs(session, request),
      }
    },
    signIn: (request) => signInAs(undefined, request),
    async handler(request) {
      const route = routes.get(new URL(request.url).pathname)
      if (!route) return jsonResponse(404, { error: 'invalid_request', error_description: 'No such document.' })
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return jsonResponse(405, { error: 'invalid_request' }, { allow: 'GET, HEAD' })
      return route(request)
    },
  }
}

// What is signed can be read on the way over plain http, and sent again for a minute.
function requireSecure(url: string, allowInsecureLoopback: boolean): void {
  const { protocol, origin } = new URL(url)
  if (protocol === 'https:') return
  if (!isLoopbackIdentifier(origin)) throw new TypeError(`an agent asks over https only, not ${origin}`)
  if (!allowInsecureLoopback) throw new TypeError(`set allowInsecureLoopback for http on loopback: ${origin}`)
}

async function bufferRequest(request: Request): Promise<Request> {
  if (request.body === null) return request
  const { method, headers, signal } = request
  return new Request(request.url, { method, headers, signal, redirect: 'manual', body: await request.arrayBuffer() })
}

function challengeOf(response: Response): Challenge | undefined {
  const header = [401, 403, 429].includes(response.status) ? response.headers.get('agent-auth') : null
  if (header === null) return undefined
  try {
    return parseChallenge(header)
  } catch (error) {
    // A challenge nobody can read is no reason to hide the response it came with.
    if (error instanceof AAuthError) return undefined
    throw error
  }
}

function requireIssuerKey(outcome: Found<VerificationKey>): VerificationKey {
  if ('found' in outcome) return outcome.found
  throw new AgentError('auth_token_refused', 'The key of the auth token was not found.', { cause: outcome.failure })
}
