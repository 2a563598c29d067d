import { createDiscoveryBehind } from '../discovery/discovery.js'
import { noGuard } from '../discovery/lookup-guard.js'
import type { Credential } from '../editions/agent-protocol.js'
import { describeUnknownKey } from '../editions/describe-unknown-key.js'
import { januaryAgent } from '../editions/january/january-agent.js'
import type { AuthClaims } from '../editions/verified-request.js'
import { signRequest } from '../httpsig/sign-request.js'
import { AgentError } from '../lib/agent-error.js'
import { systemClock } from '../lib/clock.js'
import { createTell } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { warnOnce } from '../lib/options.js'
import { documentUrl, type OwnDocument } from '../protocol/document-type.js'
import { isIdentifier, isLoopbackIdentifier } from '../protocol/identifier.js'
import type { RedirectKind } from '../protocol/redirect-uri.js'
import { type Answered, answerCallback, createAgentHandler, tellAsked } from './agent-handler.js'
import {
  type AgentActions,
  requireAgentOptions,
  requireRedirectUri,
  type SharedAgentOptions,
  type SignInRequest,
} from './agent-options.js'
import { type BeforeAsking, createChallengeSteps, createOwnerWork } from './challenge-steps.js'
import { createClocks } from './clock-offset.js'
import { createHeldTokens } from './held-tokens.js'
import { memoryStore } from './memory-store.js'
import { keptConsents, ownRecords } from './own-records.js'
import type { WayToOwners } from './way-to-owners.js'

/** What the two kinds of agents do differently. */
export interface OwnerHooks {
  /** The way to the person behind an owner. */
  way: WayToOwners
  /** Whose browser sent a request. */
  ownerOf: (request: Request) => MaybePromise<string | undefined>
}

/** An agent whose tokens and consents belong to owners, each kept from the others. */
export interface OwnedAgent {
  id: string
  metadata: OwnDocument
  /** Where the browser comes back to; undefined: nowhere, so that whoever is sent the link to decide completes it. */
  redirect: { uri: string; kind: RedirectKind } | undefined
  /** @param beforeAsking of these actions alone: others of the owner may go on. */
  actionsFor(owner: string, beforeAsking?: BeforeAsking): AgentActions
  /** Ends what runs for an owner, and drops their tokens and pending consents; with a resource, only those of that. */
  forget(owner: string, resource?: string): Promise<void>
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  handler: (request: Request) => Promise<Response>
}

/** For whom something is done. */
interface Acting {
  owner: string
  beforeAsking: BeforeAsking
}

/** @throws TypeError for options that cannot work */
export function createOwnedAgent(options: SharedAgentOptions, owners: OwnerHooks): OwnedAgent {
  const { id, signer, authServers, edition = januaryAgent, now = systemClock } = options
  const { allowInsecureLoopback = false, allowPath = false, interop = {} } = options
  const identifiers = { allowInsecureLoopback, allowPath }
  if (allowInsecureLoopback)
    warnOnce(
      id,
      'allowInsecureLoopback',
      'any program on this machine can pretend to be this agent. Use it for trying only.',
    )
  requireAgentOptions(options, identifiers)
  const { ownerOf, way } = owners
  const { redirectUri, canAsk } = way
  const redirect = { uri: redirectUri, kind: requireRedirectUri(redirectUri) }
  const send = options.fetch ?? globalThis.fetch
  const documentAddress = documentUrl(edition.documents.agent, id)
  const tell = createTell('agent', id, options.onEvent)
  const discovery = createDiscoveryBehind(noGuard, {
    ...identifiers,
    fetch: options.fetchDocument ?? options.fetch,
    allowNetworks: options.allowNetworks ?? [],
    configuredIssuers: typeof authServers === 'function' ? [] : authServers,
    now,
    failureTime: 'shortest',
    onLookup: tell,
  })
  const clocks = createClocks(now)
  const work = createOwnerWork()
  const store = options.store ?? memoryStore()
  const records = ownRecords(store, { agent: id, edition: edition.name })
  const held = createHeldTokens({ records, thumbprint: signer.thumbprint, now })
  const protocol = edition.createAgentProtocol({
    ...identifiers,
    id,
    signer,
    redirectUri,
    about: options.about,
    agentToken: options.agentToken,
    interop,
    discovery,
    send: sendSigned,
    canAsk,
    openConsent: (owner, before) => way.open(owner, takeAnswer, before),
    tellElsewhere: (consent) => way.tellElsewhere?.(consent),
    consents: keptConsents(records, now),
    keep: (token, owner, signal) => held.add(owner, token, signal),
    heldSince: ({ resource, scope = '' }, owner, since) =>
      held.withScope(owner, { resource, scope: scope.split(' ').filter(Boolean), since }),
    forOwner: (owner, exchange) => work.run(owner, AbortSignal.timeout(exchangeTimeout), exchange),
    authServers: typeof authServers === 'function' ? [] : authServers,
    endpointOrigins: options.endpointOrigins,
    consentTimeout: options.consentTimeout,
    now,
  })

  async function sendOnce(request: Request, credential: Credential, signal: AbortSignal): Promise<Response> {
    const signed = await signRequest(request, {
      profile: edition.signing,
      signer,
      signatureKey: await protocol.referenceTo(credential),
      created: clocks.at(new URL(request.url).origin),
      encoding: interop.signatureEncoding ?? 'base64',
      nonce: interop.nonce ?? 'automatic',
    })
    // Node 20 forgets the signal of a request that only fetch holds.
    return send(signed, { signal })
  }

  /** Once more where the signature was refused and the server's clock shows why: it did nothing then. */
  async function sendSigned(request: Request, credential: Credential, signal = request.signal): Promise<Response> {
    const { origin } = new URL(request.url)
    const response = await sendOnce(request.clone(), credential, signal)
    if (protocol.readRefusal(response).problem !== 'signature_refused') return response
    const learnt = clocks.learn(origin, response, edition.signing.window)
    if (!learnt) return response
    warnOnce(id, `the clock of this agent, seen from ${origin}`, learnt.problem)
    if (!learnt.mayHelp || signal.aborted) return response
    discard(response)
    return sendOnce(request, credential, signal)
  }

  async function isAccepted(authServer: string): Promise<boolean> {
    if (!isIdentifier(authServer, identifiers)) return false
    return typeof authServers === 'function' ? authServers(authServer) : authServers.includes(authServer)
  }

  const steps = createChallengeSteps({ id, protocol, held, work, isAccepted, now })

  async function fetchAs(
    { owner, beforeAsking }: Acting,
    input: Parameters<typeof globalThis.fetch>[0],
    init?: RequestInit,
  ): Promise<Response> {
    const given = new Request(input, { ...init, redirect: 'manual' })
    const { url, method } = given
    requireSecure(url, allowInsecureLoopback)
    const asked = { route: 'fetch', method, host: new URL(url).host }
    const { signal = given.signal } = input as Partial<Request>
    return (await tellAsked(tell, asked, () => lastAnswer({ owner, beforeAsking }, given, init?.signal ?? signal)))
      .response
  }

  async function lastAnswer(
    { owner, beforeAsking }: Acting,
    given: Request,
    callers: AbortSignal,
  ): Promise<Answered & { response: Response }> {
    const { url, method } = given
    return work.run(owner, callers, async (signal) => {
      // The caller can also end an answer on its way.
      const ending = AbortSignal.any([callers, signal])
      const request = await bufferRequest(given)
      const mayStream = given.headers.get('accept')?.includes('text/event-stream') === true
      const token = await steps.tokenFor(owner, { url, method, mayStream }, signal)
      let credential: Credential = token ? { scheme: 'token', held: token } : { scheme: interop.introduce ?? 'agent' }
      const taken = new Set<string>()
      for (;;) {
        signal.throwIfAborted()
        const response = await sendSigned(request.clone(), credential, ending)
        if (signal.aborted) {
          discard(response)
          signal.throwIfAborted()
        }
        const { challenge, problem } = protocol.readRefusal(response)
        const answer = { response, code: problem ?? (challenge && 'challenged') }
        if (problem === 'key_unknown')
          warnOnce(id, 'key_unknown', describeUnknownKey(new URL(url).origin, id, documentAddress))
        if (credential.scheme === 'token' && response.ok) held.noteServed(owner, { url, method }, credential.held)
        const step = challenge && protocol.stepFor(response.status, challenge, credential)
        if (!challenge || !step || taken.size === maxSteps || taken.has(`${step} ${challenge.level}`)) return answer
        taken.add(`${step} ${challenge.level}`)
        const next = await steps.take(step, challenge, { url, credential, owner, signal, beforeAsking })
        if (!next) return answer
        discard(response)
        credential = next
      }
    })
  }

  async function signInAs({ owner, beforeAsking }: Acting, request: SignInRequest): Promise<AuthClaims> {
    const { authServer, scope = 'openid', signal = new AbortController().signal } = request
    const { claims } = await tellAsked<Answered & { claims: AuthClaims }>(tell, { route: 'sign-in' }, () =>
      work.run(owner, signal, async (ending) => {
        const token = await steps.askForOwn({ authServer, scope, owner, signal: ending, beforeAsking })
        const claims = await protocol.verifyOwn(token)
        ending.throwIfAborted()
        return { claims }
      }),
    )
    return claims
  }

  const { metadata, keys, complete } = protocol
  async function takeAnswer(request: Request): Promise<Response> {
    if (!complete) throw new TypeError(`In the edition ${edition.name} nobody brings an answer back.`)
    return answerCallback(request, { id, about: options.about, complete, ownerOf, page: options.callbackResponse })
  }

  const handler = createAgentHandler({
    tell,
    documents: { [documentAddress]: metadata, [metadata.jwks_uri]: { keys } },
    callback: complete && { url: redirectUri, answer: takeAnswer },
  })

  return {
    id,
    metadata,
    redirect: complete && redirect,
    actionsFor: (owner, beforeAsking = () => undefined) => ({
      fetch: (input, init) => fetchAs({ owner, beforeAsking }, input, init),
      signIn: (request) => signInAs({ owner, beforeAsking }, request),
      tokens: () => held.list(owner),
    }),
    async forget(owner, resource) {
      if (resource === undefined)
        work.end(owner, new AgentError('session_forgotten', 'The session was forgotten while the request ran.'))
      await held.forget(owner, resource)
    },
    handler,
  }
}

/** Milliseconds that the exchange of a code may take. */
const exchangeTimeout = 30_000

/** Steps that one request may take, whatever its answers ask for. */
const maxSteps = 6

// Not waited for: it never ends where a copy of the answer is left unread.
function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined)
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
  return new Request(request, { method: request.method, body: await request.arrayBuffer() })
}
