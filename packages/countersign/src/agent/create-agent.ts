import type { ConsentRequest } from '../editions/agent-protocol.js'
import { requireKnownOptions } from '../lib/options.js'
import type { OwnDocument } from '../protocol/documents.js'
import { type AgentActions, type SharedAgentOptions, sharedAgentOptions } from './agent-options.js'
import { type ConsentPrompt, type OwnerPrompt, promptBy, promptThrough } from './consent-prompt.js'
import { createOwnedAgent } from './owned-agent.js'

export interface AgentOptions extends SharedAgentOptions {
  /** The URL to which the auth server redirects the user; listed in the agent's document. @default `${id}/callback` */
  redirectUri?: string | undefined
  /**
   * Called when the user must decide: show them `url` in their browser. The request waits in the meantime. Abort the request's signal to
   * give up; a later decision is stored for the next request. If this throws or rejects before the user has decided, the request rejects
   * with the same error. If absent, such a request rejects with `consent_required` at once.
   */
  onConsent?: ((consent: ConsentRequest) => void | Promise<void>) | undefined
  /**
   * Prompts the user through a channel that is open only while the user is deciding, instead of `onConsent` and `redirectUri`.
   * `loopbackConsent()` from `countersign/node` prompts in the terminal.
   */
  consent?: ConsentPrompt | undefined
  /**
   * Declares that only one person uses this agent even though the redirect leads to a web page, as for your own service or script. Anyone
   * else who opens the consent link thereby shares their own data with that person. For users in browsers, use `createWebAgent`. @default
   * false: the redirect URI must be on loopback, or belong to an app on a device
   */
  onePerson?: boolean | undefined
}

/** An agent for one user. */
export interface Agent extends AgentActions {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /** Serves the agent's document, its keys and the callback; responds with 404 to any other path. */
  readonly handler: (request: Request) => Promise<Response>
  /**
   * Waits for the decision on a consent page (the `consent.url` of a `consent_required` error), whichever process receives it. Resolves to
   * true when a token is stored, and to false if the page does not belong to a pending consent. Rejects as {@link AgentActions.fetch} does.
   */
  waitForConsent(page: string, options?: { signal?: AbortSignal | undefined }): Promise<boolean>
  /**
   * Removes all tokens and pending consents, so that a different user can be prompted. For a single resource, removes its tokens, along
   * with its pending consents if the store is shared with other processes. The user's grants at the auth server remain.
   */
  forget(only?: { resource: string }): Promise<void>
}

/**
 * An agent that acts for a single user and is registered nowhere: a script, a command-line tool, an app on a device, a service (W25). It
 * signs its requests, answers challenges, and prompts the user when a decision is needed (S§3, 9). To serve many users with one agent, use
 * {@link createWebAgent}.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const agent = createAgent({
 *   id: 'https://agent.example', // its document lists http://127.0.0.1/callback
 *   redirectUri: 'http://127.0.0.1:53123/callback',
 *   signer,
 *   authServers: ['https://auth.example'],
 *   onConsent: ({ url, code }) => console.log(`Please decide here (the page shows ${code}): ${url}`),
 * })
 * const response = await agent.fetch('https://api.example/events')
 * ```
 */
export function createAgent(options: AgentOptions): Agent {
  if (typeof options === 'object' && options !== null && 'sessionOf' in options)
    throw new TypeError('sessionOf is for users in browsers: use createWebAgent')
  requireKnownOptions('createAgent', options, agentOptions)
  const { onePerson } = options
  const created = createOwnedAgent(options, wayTo(options), false)
  const { id, metadata, redirect } = created
  if ((redirect === undefined || redirect.kind === 'web') && onePerson !== true) {
    const where = redirect === undefined ? '' : ` at ${redirect.uri}`
    throw new TypeError(
      `anyone who opens the consent link could complete the consent${where}: use createWebAgent for users in ` +
        'browsers, or set onePerson: true if only one person uses this agent',
    )
  }
  return {
    id,
    metadata,
    handler: (request) => created.handle(request, () => onlyOwner),
    waitForConsent: (page, { signal = new AbortController().signal } = {}) =>
      created.waitForConsent(onlyOwner, page, signal),
    forget: (only) => created.forget(onlyOwner, only?.resource),
    ...created.actionsFor(onlyOwner),
  }
}

const onlyOwner = ''

function wayTo({ id, consent, onConsent, redirectUri }: AgentOptions): OwnerPrompt {
  if (consent === undefined) return promptBy(onConsent, redirectUri ?? `${id}/callback`)
  const other = onConsent === undefined ? redirectUri && 'redirectUri' : 'onConsent'
  if (other) throw new TypeError(`consent prompts the user itself: remove ${other}`)
  return promptThrough(consent)
}

const agentOptions = {
  ...sharedAgentOptions,
  redirectUri: true,
  onConsent: true,
  consent: true,
  onePerson: true,
} as const satisfies Record<keyof AgentOptions, true>
