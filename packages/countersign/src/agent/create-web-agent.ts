import type { ConsentRequest } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions } from '../lib/options.js'
import type { OwnDocument } from '../protocol/documents.js'
import { type AgentActions, type SharedAgentOptions, sharedAgentOptions } from './agent-options.js'
import type { BeforeAsking } from './challenge-steps.js'
import { askBy } from './consent-way.js'
import { createOwnedAgent } from './owned-agent.js'

/** What a person in a browser is asked to decide. */
export interface WebConsentRequest extends ConsentRequest {
  /** The session that asked, as given to {@link WebAgent.for}: only its browser may be sent to `url`. */
  session: string
}

export interface WebAgentOptions extends SharedAgentOptions {
  /** Where the auth server sends people back to; listed in the agent's document. @default `${id}/callback` */
  redirectUri?: string | undefined
  /**
   * The session behind a request to the callback, from the cookie that your app gave this browser; undefined for a
   * browser without one. Check the cookie (look it up, or verify its signature): sessions must be made by you, be
   * impossible to guess, and be new after each sign-in. What it throws, {@link WebAgent.handler} throws, and the consent
   * stays pending.
   */
  sessionOf: (request: Request) => MaybePromise<string | null | undefined>
  /**
   * Called when a person must decide: send the browser of `session` to `url`. The request waits meanwhile; abort its
   * signal to give up. What this throws or rejects with before the person decided, the request rejects with. Called once
   * for all requests of a session that wait for the same consent. Absent: such a request rejects with `consent_required` at
   * once, and the error's `url` is where to send this session's browser; the answer is kept for its next request.
   */
  onConsent?: ((consent: WebConsentRequest) => void | Promise<void>) | undefined
}

/** An agent of many people, each in a browser session of their own. */
export interface WebAgent {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /**
   * The agent as it acts for one session: with the tokens and consents of that session, never with another's.
   *
   * @throws TypeError for what is no session
   */
  for(session: string): AgentActions
  /**
   * At sign-out: drops the session's tokens and pending consents. Its requests that still run reject with
   * `session_forgotten`. What the person allowed stays allowed until they take it back at the auth server.
   */
  forget(session: string): Promise<void>
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  handler(request: Request): Promise<Response>
}

/**
 * An agent for people in browsers (W25): whatever a person allows belongs to the session that asked, and only a callback
 * in that session's browser completes it, so that a link sent to somebody else gives nothing away.
 *
 * @throws TypeError for options that cannot work
 * @example
 * ```ts
 * const agent = createWebAgent({
 *   id: 'https://agent.example',
 *   signer,
 *   authServers: ['https://auth.example'],
 *   sessionOf: (request) => sessions.find(request.headers.get('cookie')),
 *   onConsent: ({ url, session }) => sessions.redirect(session, url),
 * })
 * const response = await agent.for(session).fetch('https://api.example/events')
 * ```
 */
export function createWebAgent(options: WebAgentOptions): WebAgent {
  return createVisitedAgent(options).agent
}

/** A web agent as its framework adapters use it. */
export interface VisitedAgent {
  agent: WebAgent
  /** {@link WebAgent.handler} with the session of the callback's browser. */
  handle: (request: Request, session: () => MaybePromise<string | null | undefined>) => Promise<Response>
  /** {@link WebAgent.for}, for one visit. */
  actionsFor: (session: string, beforeAsking: BeforeAsking) => AgentActions
}

/** @throws TypeError for options that cannot work */
export function createVisitedAgent(options: WebAgentOptions): VisitedAgent {
  if (typeof options === 'object' && options !== null && 'onePerson' in options)
    throw new TypeError('onePerson is for createAgent: a web agent is for many people')
  requireKnownOptions('createWebAgent', options, webAgentOptions)
  const { sessionOf, onConsent, redirectUri = `${options.id}/callback` } = options
  if (typeof sessionOf !== 'function')
    throw new TypeError('sessionOf is required: it says which browser session a callback came in')
  const created = createOwnedAgent(options, askBy(withSession(onConsent), redirectUri))
  const { id, metadata, redirect } = created
  const handle: VisitedAgent['handle'] = (request, session) =>
    created.handle(request, async () => readSession(await session()))
  if (redirect === undefined)
    throw new TypeError(
      `edition: ${options.edition?.name} sends nobody back to the agent, so the people of a web agent cannot be told apart`,
    )
  if (redirect.kind === 'app')
    throw new TypeError(`redirectUri must be a page of your web app, where its cookies are sent: ${redirect.uri}`)
  const agent: WebAgent = {
    id,
    metadata,
    handler: (request) => handle(request, () => sessionOf(request)),
    for: (session) => created.actionsFor(requireSession(session)),
    forget: (session) => created.forget(requireSession(session)),
  }
  return {
    agent,
    handle,
    actionsFor: (session, beforeAsking) => created.actionsFor(requireSession(session), beforeAsking),
  }
}

/** What is no function is handed on, to be refused as it is. */
function withSession(onConsent: WebAgentOptions['onConsent']): Parameters<typeof askBy>[0] {
  if (typeof onConsent !== 'function') return onConsent
  return (consent, session) => onConsent({ ...consent, session })
}

const webAgentOptions = {
  ...sharedAgentOptions,
  redirectUri: true,
  sessionOf: true,
  onConsent: true,
} as const satisfies Record<keyof WebAgentOptions, true>

function requireSession(session: unknown): string {
  const found = readSession(session)
  if (found === undefined) throw new TypeError('a session is needed: the id of the browser session, not an empty text')
  return found
}

/** Undefined for no session. @throws TypeError for what can be none */
function readSession(session: unknown): string | undefined {
  if (session === undefined || session === null || session === '') return undefined
  if (typeof session !== 'string') throw new TypeError(`a session must be a text, not of type ${typeof session}`)
  return session
}
