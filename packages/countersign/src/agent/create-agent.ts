import { createDiscovery } from '../discovery/discovery.js'
import { signRequest } from '../httpsig/sign-request.js'
import type { SignatureKey } from '../httpsig/signature-key.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { Signer } from '../lib/signer.js'
import { type Challenge, parseChallenge } from '../protocol/challenge.js'
import { isIdentifier, requireIdentifier } from '../protocol/identifier.js'
import { type AgentMetadata, metadataUrl } from '../protocol/metadata.js'
import { AgentError } from './agent-error.js'
import { type CallbackOutcome, callbackPage } from './callback-page.js'
import { createHeldTokens, type HeldToken } from './held-tokens.js'
import { createPendingConsents } from './pending-consents.js'
import { type ConsentRequest, requestAuthToken, type TokenRequester } from './request-auth-token.js'
import { requireResourceToken } from './require-resource-token.js'
import { createSharedFlights } from './shared-flight.js'

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
  /** Auth servers that drop `state`: a callback without it is accepted while exactly one consent is pending (W13). @default none */
  stateOptional?: readonly string[]
  /** For peers that read `Signature` only as base64url (W2). @default 'base64' */
  signatureEncoding?: 'base64' | 'base64url'
  /** `never` for peers that refuse the `Nonce` header (W9). @default 'automatic' */
  nonce?: 'automatic' | 'never'
  /** Sends requests and fetches documents. @default `globalThis.fetch`, and a guarded fetch for documents */
  fetch?: typeof globalThis.fetch
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port, for development. @default false */
  allowInsecureLoopback?: boolean
}

export interface Agent {
  readonly id: string
  /** The published document. */
  readonly metadata: AgentMetadata
  /**
   * `fetch`, with every request signed and challenges answered: it may wait for a person. Redirects are not followed.
   * Resolves to the last response when a challenge repeats. Rejects with {@link AgentError} when authorization fails.
   */
  readonly fetch: typeof globalThis.fetch
  /** The same agent for one browser session of a web agent: its own consents and tokens, never those of another person. */
  forSession(session: string): { readonly fetch: typeof globalThis.fetch }
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  handler(request: Request): Promise<Response>
}

/** What the next request proves. */
type Credential = { scheme: 'key' } | { scheme: 'agent' } | { scheme: 'token'; jwt: string }

interface Exchange {
  url: string
  credential: Credential
  session: string | undefined
  signal: AbortSignal
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
  const identifiers = { allowInsecureLoopback: options.allowInsecureLoopback ?? false, allowPath: true }
  requireIdentifier('id', id, identifiers)
  if (authServers === undefined)
    throw new TypeError('authServers is required: list the auth servers this agent may use')
  const send = options.fetch ?? globalThis.fetch
  const discovery = createDiscovery({ ...identifiers, ...(options.fetch ? { fetch: options.fetch } : {}), now })
  const held = createHeldTokens(now)
  const pending = createPendingConsents()
  const shareFlight = createSharedFlights<HeldToken>()

  const requester: TokenRequester = {
    discovery,
    send: (request) => sendSigned(request, { scheme: 'agent' }),
    onConsent: options.onConsent,
    pending,
    redirectUri,
    thumbprint: signer.thumbprint,
    stateOptional: options.stateOptional ?? [],
    now,
  }

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
    if (credential.scheme === 'token') return { scheme: 'jwt', jwt: credential.jwt }
    if (credential.scheme === 'key') {
      const { kid: _kid, alg: _alg, use: _use, ...members } = signer.jwk
      return { scheme: 'hwk', jwk: members }
    }
    if (agentToken) return { scheme: 'jwt', jwt: await agentToken() }
    return { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' }
  }

  async function isAccepted(authServer: string): Promise<boolean> {
    if (!isIdentifier(authServer, identifiers)) return false
    return typeof authServers === 'function' ? authServers(authServer) : authServers.includes(authServer)
  }

  async function authorize(
    challenge: Challenge,
    { url, credential, session, signal }: Exchange,
  ): Promise<Credential | undefined> {
    const owner = session ?? ''
    if (credential.scheme === 'token') held.remove(owner, credential.jwt)
    if (
      challenge.level !== 'authorization' ||
      challenge.resourceToken === undefined ||
      challenge.authServer === undefined
    ) {
      return credential.scheme === 'token' ? { scheme: 'agent' } : undefined
    }
    const { resourceToken, authServer } = challenge
    const expected = { url, authServer, agent: id, thumbprint: signer.thumbprint }
    const { resource, scope } = requireResourceToken(resourceToken, expected)
    if (!(await isAccepted(authServer))) {
      const asked = `${new URL(url).host} sends people to ${authServer.slice(0, 200)}`
      throw new AgentError('auth_server_refused', `${asked}, which authServers does not accept.`)
    }
    const other = scope === undefined ? undefined : held.withScope(owner, resource, scope.split(' '))
    if (other) return { scheme: 'token', jwt: other.jwt }
    const key = JSON.stringify([owner, resource, authServer, scope])
    const token = await shareFlight(key, signal, (flight) =>
      requestAuthToken(requester, { resourceToken, resource, authServer, scope, session, signal: flight }),
    )
    held.add(owner, token)
    return { scheme: 'token', jwt: token.jwt }
  }

  /** What to prove next, by what the resource asked for; undefined when nothing more can be done. */
  const answers: Record<
    Challenge['level'],
    (challenge: Challenge, exchange: Exchange) => Promise<Credential | undefined>
  > = {
    signature: async () => undefined,
    interaction: async () => undefined,
    identity: async (_challenge, { credential }) => (credential.scheme === 'agent' ? undefined : { scheme: 'agent' }),
    authorization: authorize,
  }

  async function fetchAs(
    session: string | undefined,
    input: Parameters<typeof globalThis.fetch>[0],
    init?: RequestInit,
  ): Promise<Response> {
    const request = await bufferRequest(new Request(input, { ...init, redirect: 'manual' }))
    const { url, signal } = request
    const token = held.forUrl(session ?? '', url)
    let credential: Credential = token ? { scheme: 'token', jwt: token.jwt } : { scheme: options.introduce ?? 'agent' }
    const answered = new Set<string>()
    for (;;) {
      const response = await sendSigned(request.clone(), credential)
      const challenge = challengeOf(response)
      if (!challenge || answered.has(keyOf(challenge))) return response
      answered.add(keyOf(challenge))
      const next = await answers[challenge.level](challenge, { url, credential, session, signal })
      if (!next) return response
      await response.body?.cancel()
      credential = next
    }
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
    forSession: (session) => ({ fetch: (input, init) => fetchAs(session, input, init) }),
    async handler(request) {
      const route = routes.get(new URL(request.url).pathname)
      if (!route) return jsonResponse(404, { error: 'invalid_request', error_description: 'No such document.' })
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return jsonResponse(405, { error: 'invalid_request' }, { allow: 'GET, HEAD' })
      return route(request)
    },
  }
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

// Without a resource token the answer is only to ask again with the identity, which is a step of its own.
function keyOf(challenge: Challenge): string {
  return challenge.level === 'authorization' && challenge.resourceToken === undefined
    ? 'authorization, bare'
    : challenge.level
}

function jsonResponse(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}
