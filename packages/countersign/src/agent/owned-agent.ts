import { createDiscovery } from '../discovery/discovery.js'
import type { Found } from '../discovery/fetch-document.js'
import { tokenKeys } from '../discovery/resolve-key.js'
import { signRequest } from '../httpsig/sign-request.js'
import type { SignatureKey } from '../httpsig/signature-key.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { jsonResponse } from '../lib/json-response.js'
import type { VerificationKey } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { warnOnce } from '../lib/warn-once.js'
import { type Challenge, parseChallenge } from '../protocol/challenge.js'
import { isIdentifier, isLoopbackIdentifier } from '../protocol/identifier.js'
import { type AgentMetadata, metadataUrl } from '../protocol/metadata.js'
import type { RedirectKind } from '../protocol/redirect-uri.js'
import type { AuthTokenClaims } from '../tokens/token-table.js'
import { verifyToken } from '../tokens/verify-token.js'
import { AgentError } from './agent-error.js'
import type { AgentActions, SharedAgentOptions, SignInRequest } from './agent-options.js'
import { callbackPage, refusalTexts } from './callback-page.js'
import { type Credential, createChallengeSteps, type Step, stepFor } from './challenge-steps.js'
import { describeClockOffset } from './clock-offset.js'
import { createOwnerWork } from './owner-work.js'
import { createPendingConsents } from './pending-consents.js'
import type { TokenRequester } from './request-auth-token.js'
import { requireAgentOptions, requireRedirectUri } from './require-agent-options.js'
import { describeUnknownKey, saysKeyUnknown } from './unknown-key.js'

interface Route {
  methods: readonly string[]
  answer: (request: Request) => Promise<Response>
}

/** What the two kinds of agents do differently. */
export interface Owners {
  /** Asks the person behind an owner. */
  onConsent: TokenRequester['onConsent']
  /** Whose browser sent a request. */
  ownerOf: (request: Request) => MaybePromise<string | undefined>
}

/** An agent whose tokens and consents belong to owners, each kept from the others. */
export interface OwnedAgent {
  id: string
  metadata: AgentMetadata
  /** Where the browser comes back to. */
  redirect: { uri: string; kind: RedirectKind }
  actionsFor(owner: string): AgentActions
  /** Ends what runs for an owner, and drops their tokens and pending consents. */
  forget(owner: string): void
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  handler: (request: Request) => Promise<Response>
}

/** @throws TypeError for options that cannot work */
export function createOwnedAgent(options: SharedAgentOptions, owners: Owners): OwnedAgent {
  const { id, signer, authServers, agentToken, now = systemClock, redirectUri = `${options.id}/callback` } = options
  const { allowInsecureLoopback = false, allowPath = false, interop = {} } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  if (identifiers.allowInsecureLoopback)
    warnOnce(id, 'allowInsecureLoopback', 'anybody on this machine can answer for it')
  requireAgentOptions(options, owners.onConsent, identifiers)
  const redirect = { uri: redirectUri, kind: requireRedirectUri(redirectUri) }
  const send = options.fetch ?? globalThis.fetch
  const discovery = createDiscovery({
    ...identifiers,
    fetch: options.fetchDocument ?? options.fetch,
    allowNetworks: options.allowNetworks ?? [],
    configuredIssuers: typeof authServers === 'function' ? [] : authServers,
    now,
    failureTime: 'shortest',
  })
  const pending = createPendingConsents()
  const work = createOwnerWork()

  const requester: TokenRequester = {
    id,
    discovery,
    send: (request) => sendSigned(request, { scheme: 'agent' }),
    onConsent: owners.onConsent,
    pending,
    redirectUri,
    thumbprint: signer.thumbprint,
    endpointOrigins: options.endpointOrigins,
    stateOptional: interop.stateOptional ?? [],
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
      encoding: interop.signatureEncoding ?? 'base64',
      nonce: interop.nonce ?? 'automatic',
    })
    const response = await send(signed)
    const problem = describeClockOffset(response, now())
    if (problem !== undefined) warnOnce(id, `the clock of this agent, seen from ${new URL(signed.url).origin}`, problem)
    return response
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

  const steps = createChallengeSteps({ id, thumbprint: signer.thumbprint, requester, work, isAccepted, now })

  async function fetchAs(
    owner: string,
    input: Parameters<typeof globalThis.fetch>[0],
    init?: RequestInit,
  ): Promise<Response> {
    const given = new Request(input, { ...init, redirect: 'manual' })
    const { url } = given
    requireSecure(url, allowInsecureLoopback)
    return work.run(owner, given.signal, async (signal) => {
      const request = await bufferRequest(given)
      const token = await steps.tokenFor(owner, url, signal)
      let credential: Credential = token ? { scheme: 'token', held: token } : { scheme: interop.introduce ?? 'agent' }
      const taken = new Set<Step>()
      for (;;) {
        signal.throwIfAborted()
        const response = await sendSigned(request.clone(), credential)
        if (signal.aborted) {
          await response.body?.cancel()
          signal.throwIfAborted()
        }
        if (saysKeyUnknown(response)) warnOnce(id, 'unknown_key', describeUnknownKey(new URL(url).origin, id))
        const challenge = challengeOf(response)
        const step = challenge && stepFor(response.status, challenge, credential)
        if (!challenge || !step || taken.has(step)) return response
        taken.add(step)
        const next = await steps.take(step, challenge, { url, credential, owner, signal })
        if (!next) return response
        await response.body?.cancel()
        credential = next
      }
    })
  }

  async function signInAs(owner: string, request: SignInRequest): Promise<AuthTokenClaims> {
    const { authServer, scope = 'openid', signal = new AbortController().signal } = request
    return work.run(owner, signal, async (ending) => {
      const token = await steps.askForOwn({ authServer, scope, owner, signal: ending })
      const { claims } = await verifyToken('auth+jwt', token.jwt, {
        ...identifiers,
        audience: id,
        issuers: [authServer],
        now,
        ...tokenKeys(discovery, 'aauth-issuer', requireIssuerKey),
      })
      ending.throwIfAborted()
      return claims
    })
  }

  const metadata: AgentMetadata = {
    agent: id,
    jwks_uri: `${id}/jwks.json`,
    redirect_uris: [redirectUri],
    ...options.about,
  }
  const pathOf = (url: string) => new URL(url).pathname
  const published = (document: object): Route => ({
    methods: ['GET', 'HEAD'],
    answer: async () => jsonResponse(200, document),
  })
  const routes = new Map<string, Route>([
    [pathOf(metadataUrl(id, 'aauth-agent')), published(metadata)],
    [pathOf(metadata.jwks_uri), published({ keys: [signer.jwk] })],
    // HEAD comes from what looks at links, never from a person.
    [pathOf(redirectUri), { methods: ['GET'], answer: answerCallback }],
  ])

  async function answerCallback(request: Request): Promise<Response> {
    // Only the person's own visit counts: a browser that looks ahead would use up the code.
    if (/\bprefetch\b/.test(request.headers.get('sec-purpose') ?? ''))
      return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
    const page = options.callbackResponse ?? callbackPage
    const match = pending.complete(new URL(request.url).searchParams, await owners.ownerOf(request))
    if (!match.matched) return page('refused', refusalTexts[match.problem])
    const end = await match.finished
    if ('error' in match.answer) return page(match.answer.error === 'access_denied' ? 'denied' : 'failed')
    return page(end === 'done' ? 'allowed' : 'failed')
  }

  return {
    id,
    metadata,
    redirect,
    actionsFor: (owner) => ({
      fetch: (input, init) => fetchAs(owner, input, init),
      signIn: (request) => signInAs(owner, request),
    }),
    forget(owner) {
      work.end(owner, new AgentError('session_forgotten', 'The session was forgotten while the request ran.'))
      steps.forget(owner)
    },
    async handler(request) {
      const route = routes.get(new URL(request.url).pathname)
      if (!route) return jsonResponse(404, { error: 'invalid_request', error_description: 'No such document.' })
      if (!route.methods.includes(request.method)) {
        const allow = route.methods.join(', ')
        const said = { error: 'invalid_request', error_description: `Ask for it with ${allow}.` }
        return jsonResponse(405, said, { allow })
      }
      return route.answer(request)
    },
  }
}

// What is signed can be read on the way over plain http, and sent again for a minute.
function requireSecure(url: string, allowInsecureLoopback: boolean): void {
  const { protocol, origin } = new URL(url)
  if (protocol === 'https:') return
  if (/^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(origin))
    throw new TypeError(`http on loopback needs a port, such as ${origin}:8001, and not 80`)
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
