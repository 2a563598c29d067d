import { createDiscoveryBehind } from '../discovery/discovery.js'
import { noGuard } from '../discovery/lookup-guard.js'
import { exchangeTime } from '../editions/agent-protocol.js'
import { januaryAgent } from '../editions/january/january-agent.js'
import type { AuthClaims } from '../editions/verified-request.js'
import { AgentError } from '../lib/agent-error.js'
import { systemClock } from '../lib/clock.js'
import { createEmitter } from '../lib/events.js'
import { warnOnce } from '../lib/options.js'
import { documentUrl, isIdentifier, type OwnDocument } from '../protocol/documents.js'
import type { RedirectKind } from '../protocol/parameters.js'
import {
  type AgentHandler,
  type Answered,
  createAgentHandler,
  handleCallback,
  withRequestEvent,
} from './agent-handler.js'
import {
  type AgentActions,
  requireAgentOptions,
  requireRedirectUri,
  type SharedAgentOptions,
  type SignInRequest,
} from './agent-options.js'
import { type Acting, fetchAs, type RequestTools, sendSigned, signHeadersAs } from './agent-requests.js'
import { type BeforeConsent, createChallengeSteps, createOwnerWork } from './challenge-steps.js'
import { createClocks } from './clock-offset.js'
import type { OwnerPrompt } from './consent-prompt.js'
import { memoryStore } from './memory-store.js'
import { keptConsents, pastAccess, scopedRecords } from './scoped-records.js'
import { createTokenCache } from './token-cache.js'

/** An agent whose tokens and consents belong to owners, each isolated from the others. */
export interface OwnedAgent {
  id: string
  metadata: OwnDocument
  /**
   * Where the browser is redirected after the decision. If undefined, it is not redirected, so anyone who opens the consent link can
   * complete the consent.
   */
  redirect: { uri: string; kind: RedirectKind } | undefined
  /** @param beforeConsent applies only to these actions; the owner's other actions proceed */
  actionsFor(owner: string, beforeConsent?: BeforeConsent): AgentActions
  /** Waits for the decision on a pending consent's page. Resolves to false if no such consent exists. */
  waitForConsent(owner: string, page: string, signal: AbortSignal): Promise<boolean>
  /**
   * Aborts the work in progress for an owner and removes the owner's tokens and pending consents. If a resource is given, removes only the
   * tokens and consents for that resource, and aborts no work.
   */
  forget(owner: string, resource?: string): Promise<void>
  /** Serves the agent's document, its keys and the callback; responds with 404 to any other path. */
  handle: AgentHandler
}

/**
 * @param way how the user behind an owner is prompted
 * @param isShared whether the agent has many owners
 * @throws TypeError for invalid options
 */
export function createOwnedAgent(options: SharedAgentOptions, way: OwnerPrompt, isShared: boolean): OwnedAgent {
  const { id, signer, authServers, edition = januaryAgent, now = systemClock } = options
  const { allowInsecureLoopback = false, allowPath = false, endpointOrigins, interop = {} } = options
  const identifiers = { allowInsecureLoopback, allowPath, endpointOrigins }
  requireAgentOptions(options, identifiers)
  const { redirectUri, canPrompt } = way
  const redirect = { uri: redirectUri, kind: requireRedirectUri(redirectUri) }
  const emit = createEmitter('agent', id, options.onEvent)
  const discovery = createDiscoveryBehind(noGuard, {
    ...identifiers,
    fetch: options.fetchDocument ?? options.fetch,
    allowNetworks: options.allowNetworks ?? [],
    configuredIssuers: typeof authServers === 'function' ? [] : authServers,
    now,
    failureTime: 'shortest',
    onLookup: emit,
  })
  const clocks = createClocks(now)
  const work = createOwnerWork()
  const store = options.store ?? memoryStore()
  const records = scopedRecords(store, { agent: id, edition: edition.name })
  const past = pastAccess(records)
  const held = createTokenCache({ records, past, thumbprint: signer.thumbprint, now })
  const protocol = edition.createAgentProtocol({
    ...identifiers,
    id,
    signer,
    redirectUri,
    about: options.about,
    agentToken: options.agentToken,
    interop,
    discovery,
    send: (request, credential) => sendSigned(tools, request, credential),
    canPrompt,
    isShared,
    records,
    openConsent: (owner, callback) => way.open(owner, (request) => takeAnswer(request, () => owner), callback),
    consents: keptConsents(records, now),
    keep: (token, owner, signal) => held.add(owner, token, signal),
    storedSince: (need, owner, since) => held.satisfying(owner, need, since),
    reasonFor: async (need, owner) => past.reasonFor(owner, need, await held.list(owner)),
    noteRefusal: (need, owner) => past.note(owner, need, 'refused'),
    discard: held.remove,
    async forOwner(owner, exchange) {
      const token = await work.run(owner, AbortSignal.timeout(exchangeTime * 1000), exchange)
      const report = async () => token && options.onAllowed?.(owner, token.resource, token.scope.join(' '))
      void report().catch((error: unknown) => warnOnce(id, 'onAllowed', `it failed: ${String(error)}`))
      return token
    },
    authServers: typeof authServers === 'function' ? [] : authServers,
    consentTimeout: options.consentTimeout,
    now,
  })

  async function isAccepted(authServer: string): Promise<boolean> {
    if (!isIdentifier(authServer, identifiers)) return false
    return typeof authServers === 'function' ? authServers(authServer) : authServers.includes(authServer)
  }

  const steps = createChallengeSteps({ id, protocol, held, work, isAccepted, now })
  const tools: RequestTools = {
    options,
    edition,
    fetch: options.fetch ?? globalThis.fetch,
    clocks,
    protocol,
    held,
    work,
    steps,
    emit,
  }

  async function signInAs({ owner, beforeConsent }: Acting, request: SignInRequest): Promise<AuthClaims> {
    const { authServer, scope = 'openid', signal = new AbortController().signal } = request
    const { claims } = await withRequestEvent<Answered & { claims: AuthClaims }>(emit, { route: 'sign-in' }, () =>
      work.run(owner, signal, async (ending) => {
        const token = await steps.requestOwnAccess({ authServer, scope, owner, signal: ending, beforeConsent })
        const claims = await protocol.verifyOwn(token)
        ending.throwIfAborted()
        return { claims }
      }),
    )
    return claims
  }

  const { metadata, keys, complete } = protocol
  const takeAnswer: AgentHandler = async (request, ownerOf) => {
    if (!complete) throw new TypeError(`The ${edition.name} edition has no callback.`)
    return handleCallback(request, { id, about: options.about, complete, ownerOf, page: options.callbackResponse })
  }

  const handle = createAgentHandler({
    emit,
    documents: { [documentUrl(edition.documents.agent, id)]: metadata, [metadata.jwks_uri]: { keys } },
    callback: complete && { url: redirectUri, answer: takeAnswer },
  })

  return {
    id,
    metadata,
    redirect: complete && redirect,
    actionsFor: (owner, beforeConsent = () => undefined) => ({
      fetch: (input, init) => fetchAs(tools, { owner, beforeConsent }, input, init),
      signedHeaders: (url, init) => signHeadersAs(tools, { owner, beforeConsent }, url, init),
      signIn: (request) => signInAs({ owner, beforeConsent }, request),
      tokens: () => held.list(owner),
    }),
    waitForConsent: (owner, page, signal) =>
      work.run(owner, signal, async (ending) => (await protocol.waitFor?.(page, owner, ending)) !== undefined),
    async forget(owner, resource) {
      if (resource === undefined)
        work.end(owner, new AgentError('session_forgotten', 'forget() was called during the request.'))
      await held.forget(owner, resource)
    },
    handle,
  }
}
