import type { ConsentRequest } from '../editions/agent-protocol.js'
import { requireKnownOptions } from '../lib/options.js'
import type { OwnDocument } from '../protocol/documents.js'
import { type AgentActions, type SharedAgentOptions, sharedAgentOptions } from './agent-options.js'
import { askBy, askThrough, type ConsentWay, type WayToOwners } from './consent-way.js'
import { createOwnedAgent } from './owned-agent.js'

export interface AgentOptions extends SharedAgentOptions {
  /** Where the auth server sends the person back to; listed in the agent's document. @default `${id}/callback` */
  redirectUri?: string | undefined
  /**
   * Called when the person must decide: show them `url` in a browser of theirs. The request waits meanwhile; abort its
   * signal to give up: what they decide later is kept for the next one. What this throws or rejects with before the person
   * decided, the request rejects with. Absent: such a request rejects with `consent_required` at once.
   */
  onConsent?: ((consent: ConsentRequest) => void | Promise<void>) | undefined
  /**
   * A way to ask the person that is open only while they decide, in place of `onConsent` and `redirectUri`:
   * `loopbackConsent()` of `countersign/node` asks in the terminal.
   */
  consent?: ConsentWay | undefined
  /**
   * One person alone uses this agent, although the answer comes back to a web page: a service or script of your own.
   * Whoever else is sent the link to decide gives that person what is theirs. For people in browsers there is
   * `createWebAgent`. @default false: the redirect URI is on loopback, or of an app on a device
   */
  onePerson?: boolean | undefined
}

/** An agent of one person. */
export interface Agent extends AgentActions {
  readonly id: string
  /** The published document. */
  readonly metadata: OwnDocument
  /** Serves the agent's document, its keys and the callback; anything else is 404. */
  readonly handler: (request: Request) => Promise<Response>
  /**
   * Waits for the decision on a page that `consent_required` gave as its `url`, whichever process of the agent receives it. Resolves to true
   * when a token is stored, and to false if the page is not one of a pending consent. Rejects as {@link AgentActions.fetch} does.
   */
  waitForConsent(page: string, options?: { signal?: AbortSignal | undefined }): Promise<boolean>
  /**
   * Drops all tokens and pending consents, so that somebody else can be asked; or the tokens for one resource, with its
   * pending consents where the store is shared with other processes. What was allowed stays so at the auth server.
   */
  forget(only?: { resource: string }): Promise<void>
}

/**
 * An agent of one person that nobody registered: a script, a command line, an app on a device, a service (W25). It signs
 * its requests, answers challenges, and asks the person where one must decide (S§3, 9). Many people share one agent
 * with {@link createWebAgent} only.
 *
 * @throws TypeError for options that cannot work
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
    throw new TypeError('sessionOf is for people in browsers: use createWebAgent, which keeps them apart')
  requireKnownOptions('createAgent', options, agentOptions)
  const { onePerson } = options
  const created = createOwnedAgent(options, wayTo(options))
  const { id, metadata, redirect } = created
  if ((redirect === undefined || redirect.kind === 'web') && onePerson !== true) {
    const where = redirect === undefined ? '' : ` at ${redirect.uri}`
    throw new TypeError(
      `whoever is sent the link to decide could complete it${where}: use createWebAgent for people in ` +
        'browsers, or say onePerson: true where one person alone uses this agent',
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

function wayTo({ id, consent, onConsent, redirectUri }: AgentOptions): WayToOwners {
  if (consent === undefined) return askBy(onConsent, redirectUri ?? `${id}/callback`)
  const other = onConsent === undefined ? redirectUri && 'redirectUri' : 'onConsent'
  if (other) throw new TypeError(`consent asks by itself: leave ${other} out`)
  return askThrough(consent)
}

const agentOptions = {
  ...sharedAgentOptions,
  redirectUri: true,
  onConsent: true,
  consent: true,
  onePerson: true,
} as const satisfies Record<keyof AgentOptions, true>
